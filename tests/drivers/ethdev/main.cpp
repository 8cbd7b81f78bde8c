#include "tests/run_with_eal.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return weft::test::run_with_eal();
}
