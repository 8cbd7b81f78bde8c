// The optional name "efa", for programs that ask for it by name. A name is chosen when libfabric loads the plug-in, so
// each case is a process of its own: this binary again, with one of the tests that are disabled otherwise.
#include <sys/wait.h>

#include <filesystem>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Name : public ProviderTest {
 protected:
  Name() { daemon_->enter("node-0"); }

  /// The exit status of `test` in a process with these words in front: NAME=VALUE.
  int run(const std::string& words, const std::string& test) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command = "env " + words + " " + self + " --gtest_also_run_disabled_tests --gtest_filter=" + test +
                                " >/dev/null";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

// Run by the others.
class NameChild : public testing::Test {
 protected:
  Info find(const char* name) {
    Info hints(fi_allocinfo());
    hints->fabric_attr->prov_name = strdup(name);
    hints->ep_attr->type = FI_EP_RDM;
    return get_info(hints.get());
  }
};

TEST_F(NameChild, DISABLED_is_efa) {
  const Info info = find("efa");
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->fabric_attr->prov_name, "efa");
  EXPECT_STREQ(info->domain_attr->name, "weft0-rdm") << "ours, and not libfabric's own";
  fid_fabric* fabric = nullptr;
  fid_domain* domain = nullptr;
  ASSERT_EQ(fi_fabric(info->fabric_attr, &fabric, nullptr), 0);
  EXPECT_EQ(fi_domain(fabric, info.get(), &domain, nullptr), 0);
  EXPECT_EQ(fi_close(&domain->fid), 0);
  EXPECT_EQ(fi_close(&fabric->fid), 0);
  EXPECT_EQ(find("weft"), nullptr);
  // The variables keep their names.
  fi_param* parameters = nullptr;
  int count = 0;
  bool found = false;
  ASSERT_EQ(fi_getparams(&parameters, &count), 0);
  for (int i = 0; i < count; ++i) found |= std::strcmp(parameters[i].name, "FI_WEFT_YIELD") == 0;
  fi_freeparams(parameters);
  EXPECT_TRUE(found);
}

TEST_F(NameChild, DISABLED_is_weft) {
  const Info info = find("weft");
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->fabric_attr->prov_name, "weft");
}

TEST_F(Name, is_efa_where_the_environment_says_so) {
  EXPECT_EQ(run("WEFT_PROVIDER_NAME=efa", "NameChild.DISABLED_is_efa"), 0);
  EXPECT_NE(run("WEFT_PROVIDER_NAME=weft", "NameChild.DISABLED_is_efa"), 0) << "the child can fail";
}

TEST_F(Name, is_weft_otherwise_whatever_else_is_said) {
  EXPECT_EQ(run("WEFT_PROVIDER_NAME=weft", "NameChild.DISABLED_is_weft"), 0);
  EXPECT_EQ(run("WEFT_PROVIDER_NAME=verbs", "NameChild.DISABLED_is_weft"), 0);
}

TEST_F(Name, is_efa_for_a_library_of_that_name) {
  const std::filesystem::path folder = daemon_->runtime_directory() + "/efa-named";
  std::filesystem::create_directory(folder);
  std::filesystem::create_symlink(std::filesystem::path(std::getenv("FI_PROVIDER_PATH")) / "libweft-fi.so",
                                  folder / "libefa-fi.so");
  EXPECT_EQ(run("FI_PROVIDER_PATH=" + folder.string(), "NameChild.DISABLED_is_efa"), 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weft::provider_test
