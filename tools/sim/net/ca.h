// The simulator's own certificate authority: made at the first start, kept in a folder.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace driveway::sim {

struct Certificates {
  std::filesystem::path ca_path;  // FOLDER/ca.pem, what clients trust
  std::string ca_pem;
  std::string server_certificate;  // PEM; signed by the CA; for localhost and Google's host names
  std::string server_key;          // PEM
};

// Loads FOLDER/ca.pem and FOLDER/ca.key, or makes both (EC P-256, ten years); then a fresh server
// certificate for localhost, 127.0.0.1, ::1, *.googleapis.com, *.google.com, their hosts that
// matter, and metadata.google.internal. The folder is made if need be (0700; the key 0600).
// Errors: of the folder; kCorrupt when what is there is no CA; kInternal (OpenSSL).
Result<Certificates> make_certificates(const std::filesystem::path& folder);

}  // namespace driveway::sim
