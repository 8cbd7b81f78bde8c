// An answer for every slot of an ops struct that we do not implement. libfabric's inline wrappers call most slots
// without looking, so none may be null (fi_provider(7)). Write `.join = unsupported` and the slot's own type decides
// the signature of the stub.
#pragma once

#include <rdma/fi_errno.h>

namespace weft::provider {

struct Unsupported {
  template <typename Result, typename... Arguments>
  using Function = Result (*)(Arguments...);

  template <typename Result, typename... Arguments>
  constexpr operator Function<Result, Arguments...>() const noexcept {
    return [](Arguments...) -> Result { return static_cast<Result>(-FI_ENOSYS); };
  }
};
inline constexpr Unsupported unsupported;

}  // namespace weft::provider
