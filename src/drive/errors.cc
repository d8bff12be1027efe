#include "drive/errors.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/http_date.h"
#include "base/log.h"
#include "base/strings.h"
#include "drive/abuse_hint.h"
#include "drive/enable_hint.h"
#include "drive/json_access.h"
#include "drive/retry_hint.h"

namespace driveway::drive {
namespace {

constexpr std::size_t kLongestMessage = 300;
constexpr std::string_view kNotEnabled = "accessNotConfigured";
constexpr std::string_view kAbusive = "cannotDownloadAbusiveFile";

// What a reason or a status means, and whether the same call may succeed later.
struct Meaning {
  ErrorCode code;
  bool retryable = false;
};

struct Reason {
  std::string_view name;
  Meaning meaning;
};

constexpr Meaning kBackOff{ErrorCode::kRateLimited, true};
constexpr Meaning kServerFault{ErrorCode::kUnavailable, true};
constexpr Meaning kMalformed{ErrorCode::kInvalidArgument};
constexpr Meaning kDenied{ErrorCode::kPermissionDenied};
// Drive refuses the login as a whole, not this item: a person must act, no pause helps, and no item
// may look as if it were gone.
constexpr Meaning kLoginRefused{ErrorCode::kLoginNeeded};
constexpr Meaning kLongPause{ErrorCode::kQuotaExceeded};
constexpr Meaning kFull{ErrorCode::kStorageFull};
constexpr Meaning kNoBytes{ErrorCode::kUnsupported};
constexpr Meaning kRelist{ErrorCode::kTokenExpired};
constexpr Meaning kOtherDrive{ErrorCode::kCrossDevice};

// The reasons of `errors[].reason` (reference 1.9) and the newer `status` names. What stands in
// neither is judged by the HTTP status.
constexpr std::array kReasons = {
    Reason{"badRequest", kMalformed},
    Reason{"invalid", kMalformed},
    Reason{"invalidParameter", kMalformed},
    Reason{"required", kMalformed},
    Reason{"invalidSharingRequest", kDenied},
    Reason{"illegalKeepForeverModification", kMalformed},
    Reason{"failedPrecondition", kMalformed},
    Reason{"invalidArgument", kMalformed},
    Reason{"authError", kLoginRefused},
    Reason{"userRateLimitExceeded", kBackOff},
    Reason{"rateLimitExceeded", kBackOff},
    Reason{"sharingRateLimitExceeded", kBackOff},
    Reason{"UrlLeaseLimitExceeded", kBackOff},
    Reason{"dailyLimitExceeded", kLongPause},
    Reason{"dailyLimitExceededUnreg", kLongPause},
    Reason{"quotaExceeded", kLongPause},
    Reason{"downloadQuotaExceeded", kLongPause},
    Reason{"activeItemCreationLimitExceeded", kLongPause},
    Reason{kNotEnabled, kLoginRefused},
    Reason{"storageQuotaExceeded", kFull},
    Reason{"teamDriveFileLimitExceeded", kFull},
    // Of one folder: the rest of the drive has room.
    Reason{"numChildrenInNonRootLimitExceeded", {ErrorCode::kTooLarge}},
    Reason{"myDriveHierarchyDepthLimitExceeded", {ErrorCode::kNameTooLong}},
    Reason{"teamDriveHierarchyTooDeep", {ErrorCode::kNameTooLong}},
    Reason{kAbusive, kDenied},
    Reason{"cannotDownloadFile", kDenied},
    Reason{"download_restricted_for_revision", kDenied},
    Reason{"fileNotDownloadable", kNoBytes},
    Reason{"fileNotExportable", kNoBytes},
    Reason{"exportSizeLimitExceeded", {ErrorCode::kTooLarge}},
    Reason{"pageTokenExpired", kRelist},
    Reason{"supportsTeamDrivesRequired", kMalformed},
    Reason{"invalidAbuseAcknowledgment", kMalformed},
    Reason{"insufficientFilePermissions", kDenied},
    Reason{"insufficientParentPermissions", kDenied},
    Reason{"insufficientPermissions", kLoginRefused},
    Reason{"appNotAuthorizedToFile", kDenied},
    Reason{"domainPolicy", kLoginRefused},
    Reason{"forbidden", kDenied},
    Reason{"cannotAddParent", kMalformed},
    Reason{"fieldNotWritable", kMalformed},
    Reason{"cannotCopyFile", kDenied},
    Reason{"copyRequiresWriterPermission", kDenied},
    Reason{"propertyLengthLimitExceeded", {ErrorCode::kTooLarge}},
    Reason{"propertyCountLimitExceeded", {ErrorCode::kTooLarge}},
    Reason{"fileOwnerNotMemberOfTeamDrive", kOtherDrive},
    Reason{"fileWriterTeamDriveMoveInDisabled", kOtherDrive},
    Reason{"teamDrivesFolderMoveInNotSupported", kOtherDrive},
    Reason{"teamDrivesParentLimit", kOtherDrive},
    Reason{"cannotMoveTrashedItemIntoTeamDrive", kOtherDrive},
    Reason{"crossDomainMoveRestriction", kOtherDrive},
    Reason{"teamDriveMembershipRequired", kDenied},
    Reason{"cannotModifyInheritedTeamDrivePermission", kDenied},
    Reason{"teamDrivesSharingRestrictionNotAllowed", kDenied},
    Reason{"fileNeverWritable", kDenied},
    Reason{"shortcutTargetInvalid", kDenied},
    Reason{"fileOwnerNotMemberOfWriterDomain", kDenied},
    Reason{"responsePreparationFailure", kServerFault},
    Reason{"notFound", {ErrorCode::kNotFound}},
    Reason{"fileIdInUse", {ErrorCode::kAlreadyExists}},
    Reason{"conditionNotMet", {ErrorCode::kStale}},
    Reason{"uploadTooLarge", {ErrorCode::kTooLarge}},
    Reason{"requestedRangeNotSatisfiable", {ErrorCode::kOutOfRange}},
    Reason{"internalError", kServerFault},
    Reason{"backendError", kServerFault},
    Reason{"badGateway", kServerFault},
    Reason{"serviceNotAvailable", kServerFault},
    Reason{"gatewayTimeout", kServerFault},
    Reason{"transientError", kServerFault},
    // google.rpc.Code, where there is no errors[].
    Reason{"UNAUTHENTICATED", kLoginRefused},
    Reason{"PERMISSION_DENIED", kDenied},
    Reason{"NOT_FOUND", {ErrorCode::kNotFound}},
    Reason{"ALREADY_EXISTS", {ErrorCode::kAlreadyExists}},
    Reason{"RESOURCE_EXHAUSTED", kBackOff},
    Reason{"INVALID_ARGUMENT", kMalformed},
    Reason{"FAILED_PRECONDITION", kMalformed},
    Reason{"OUT_OF_RANGE", kMalformed},
    Reason{"UNAVAILABLE", kServerFault},
    Reason{"INTERNAL", kServerFault},
    Reason{"UNKNOWN", kServerFault},
    Reason{"ABORTED", kServerFault},
    Reason{"DEADLINE_EXCEEDED", kServerFault},
    // OAuth's own envelope.
    Reason{"invalid_grant", kLoginRefused},
    Reason{"invalid_token", kLoginRefused},
    Reason{"access_denied", kDenied},
};

std::optional<Meaning> meaning_of_reason(std::string_view reason) {
  const auto* const found = std::find_if(kReasons.begin(), kReasons.end(),
                                         [&](const Reason& each) { return each.name == reason; });
  if (found == kReasons.end()) return std::nullopt;
  return found->meaning;
}

// By the HTTP status alone. `by_drive`: Drive's JSON stood in the body.
Meaning meaning_of_status(int status, bool by_drive) {
  switch (status) {
    case 400:
      return kMalformed;
    case 401:
      return kLoginRefused;
    case 403:
      // Without Drive's word it is some machine in front of Drive, and says nothing of rights.
      return by_drive ? kDenied : kServerFault;
    case 404:
      // Only Drive may say that an item is gone: an HTML page must not empty a folder.
      return by_drive ? Meaning{ErrorCode::kNotFound} : kServerFault;
    case 408:
    case 425:
      return kServerFault;
    case 409:
      // Nor may another machine say that what we create is there already.
      return by_drive ? Meaning{ErrorCode::kAlreadyExists} : kServerFault;
    case 410:
      return kRelist;
    case 412:
      return {ErrorCode::kStale};
    case 413:
      return {ErrorCode::kTooLarge};
    case 416:
      return {ErrorCode::kOutOfRange};
    case 429:
      return kBackOff;
    default:
      break;
  }
  if (status >= 500) return kServerFault;
  if (status >= 400) return kMalformed;
  // A redirect, or a success that is none: something between here and Drive answered.
  return kServerFault;
}

// What the body says, whatever its envelope.
struct Said {
  bool by_drive = false;  // it was one of Google's JSON envelopes
  std::string reason;     // errors[0].reason, else status
  std::string location;
  std::string message;
  std::string help;  // errors[0].extendedHelp, a URL
};

Said read_body(std::string_view body) {
  Said said;
  Json document = parse_document(body);
  if (document.is_array() && !document.empty()) {
    Json first = std::move(document.front());
    document = std::move(first);
  }
  const Json* const error = value_at(document, "error");
  if (error == nullptr) return said;
  if (error->is_string()) {  // OAuth: {"error":"invalid_grant","error_description":"…"}
    said.by_drive = true;
    said.reason = error->get_ref<const std::string&>();
    said.message = text_at(document, "error_description");
    return said;
  }
  if (!error->is_object()) return said;
  said.by_drive = true;
  said.message = text_at(*error, "message");
  said.reason = text_at(*error, "status");
  const Json* const errors = value_at(*error, "errors");
  if (errors != nullptr && errors->is_array() && !errors->empty()) {
    const Json& first = errors->front();
    if (auto reason = text_at(first, "reason"); !reason.empty()) said.reason = std::move(reason);
    said.location = text_at(first, "location");
    said.help = text_at(first, "extendedHelp");
    if (said.message.empty()) said.message = text_at(first, "message");
  }
  return said;
}

Meaning meaning_of(const Refusal& refusal, const Said& said) {
  if (refusal.status == 401) return kLoginRefused;
  if (refusal.status == 429) return kBackOff;
  if (refusal.status == 416) return {ErrorCode::kOutOfRange};
  // Page and change tokens are refused in several ways (reference 1.10, 6).
  if (said.location == "pageToken" && refusal.status >= 400 && refusal.status < 500 &&
      said.reason != "required") {
    return kRelist;
  }
  if (said.location == "convertTo") return kNoBytes;
  // The daily cap of 750 GB has the same reason as the ordinary limit, and only another wording:
  // small letters and a period (reference 1.9, notes).
  if (said.reason == "userRateLimitExceeded" && said.message == "User rate limit exceeded.") {
    return kLongPause;
  }
  if (refusal.status >= 500) return kServerFault;
  if (const auto meaning = meaning_of_reason(said.reason)) return *meaning;
  return meaning_of_status(refusal.status, said.by_drive);
}

// What to do about a login that Drive refuses for another reason than its token; "" for others.
std::string_view remedy_of(std::string_view reason) {
  if (reason == "insufficientPermissions") {
    return "; the login lacks a scope: run `driveway login` again, or give the credential that is "
           "used the scope https://www.googleapis.com/auth/drive";
  }
  if (reason == kNotEnabled) {
    return "; enable the Drive API in the Cloud project of this login";
  }
  if (reason == "domainPolicy") {
    return "; the administrator of the account's domain must allow it, or log in to another "
           "account";
  }
  return "";
}

std::string message_of(const Refusal& refusal, const Said& said, std::string_view what) {
  std::string text = said.message;
  if (text.empty()) {
    text = said.by_drive || refusal.body.empty()
               ? "no explanation"
               : cat("an answer that is not Drive's (", refusal.content_type.substr(0, 60), ")");
  }
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  std::string message =
      cat(what, ": ", log::redact(utf8_prefix(text, kLongestMessage)), " (", refusal.status);
  if (!said.reason.empty()) message += cat(" ", utf8_prefix(said.reason, 80));
  message += ")";
  message += remedy_of(said.reason);
  return message;
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view value, WallTime now) {
  value = trim(value);
  constexpr std::uint64_t kLongest = 366ULL * 24 * 3600;
  if (const auto seconds = parse_uint(value)) {
    return std::chrono::seconds(std::min(*seconds, kLongest));
  }
  const auto at = parse_http_date(value);
  if (!at) return std::nullopt;
  return std::clamp<Duration>(*at - now, Duration::zero(), std::chrono::seconds(kLongest));
}

Error error_of(const Refusal& refusal, std::string_view what, WallTime now) {
  const Said said = read_body(refusal.body);
  const Meaning meaning = meaning_of(refusal, said);
  Error error{meaning.code, message_of(refusal, said, what), meaning.retryable};
  if (said.reason == kNotEnabled) {
    return with_enable_url(std::move(error), cat(said.help, " ", said.message));
  }
  if (said.reason == kAbusive) return with_abuse_hint(std::move(error));
  if (meaning.retryable) {
    if (const auto pause = parse_retry_after(refusal.retry_after, now)) {
      return with_retry_after(std::move(error), *pause);
    }
  }
  return error;
}

}  // namespace driveway::drive
