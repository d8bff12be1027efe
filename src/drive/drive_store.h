// Google Drive v3 behind RemoteStore (drive-api reference).
//
// One HTTP request per call (about, and the first read of a file that is taken for malware: two;
// shared_drives, revisions: one a page), without retries, pacing or counting: those are decorators
// (store_stack.h). A 401 is answered twice with a fresh token; after the third it is kLoginNeeded
// (E1). An answer of success that is not Drive's JSON (a captive portal's page) is kUnavailable,
// retryable; JSON that is not understood is kCorrupt, retryable. A read asks for the head revision
// and checks status, Content-Range, length and total of the answer; bytes of any other answer never
// reach the sink (R1).
//
// An answer to a change must be about the item that was asked for, else it is kCorrupt, retryable;
// so is one that says more or less of an upload than can be true. Upload sessions on another host
// than the API's are never taken, and unknown (kStale) where they come from somewhere else: the
// token goes to that host alone. Their URIs are in no error text. remove_revision is two requests:
// Drive itself would remove the head.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "drive/remote_store.h"

namespace driveway::http {
class HttpClient;
}
namespace driveway::auth {
class TokenSource;
}

namespace driveway::drive {

// DRIVEWAY_API_URL without a trailing slash, default "https://www.googleapis.com".
std::string api_url_from_environment();

struct DriveOptions {
  std::string api_url = api_url_from_environment();
  // Files that Drive takes for malware are read all the same, as far as it lets this account: it is
  // told that they are wanted (acknowledgeAbuse) once it has refused the first read of each.
  bool acknowledge_abuse = false;
};

// All references must outlive the store.
std::unique_ptr<RemoteStore> make_drive_store(http::HttpClient& http, auth::TokenSource& tokens,
                                              Clock& clock, DriveOptions options = {});

}  // namespace driveway::drive
