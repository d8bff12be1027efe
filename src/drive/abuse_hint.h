// What to do about a file that Drive takes for malware or spam and does not give out, attached to
// the Error of the refusal (cannotDownloadAbusiveFile). It travels as the hint of retry_hint.h
// does.
#pragma once

#include "base/result.h"

namespace driveway::drive {

// `error` with who can read the file all the same, and how, as its innermost cause.
Error with_abuse_hint(Error error);
// Whether with_abuse_hint was used on `error` or on one of its causes.
bool is_of_abuse(const Error& error);

}  // namespace driveway::drive
