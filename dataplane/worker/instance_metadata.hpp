// What an instance is told about itself: the model as the tree of the metadata service (facts ec2 7.4).
#pragma once

#include "dataplane/model/deployment.hpp"
#include "dataplane/services/metadata.hpp"

namespace weft {

/// The account of AWS's examples, to which everything here belongs.
inline constexpr const char* kOwnerId = "123456789012";
/// An instance here has no image, and clients ask for its id first to see whether anybody answers.
inline constexpr const char* kNoImage = "ami-00000000000000000";

services::Metadata metadata_of(const Deployment& deployment, const Instance& instance);

}  // namespace weft
