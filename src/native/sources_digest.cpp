#include "sources_digest.h"

namespace headwater {

const char* sourcesDigest() { return HEADWATER_SOURCES_DIGEST; }

}  // namespace headwater
