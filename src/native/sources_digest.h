#pragma once

namespace headwater {

/** Of the sources that this was compiled from: see sources-digest.cjs. */
const char* sourcesDigest();

}  // namespace headwater
