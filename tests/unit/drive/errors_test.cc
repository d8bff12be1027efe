// Drive's refusals, mapped (drive-api reference 1.8, 1.9, 1.10).
#include "drive/errors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "drive/enable_hint.h"
#include "drive/retry_hint.h"

namespace driveway::drive {
namespace {

const WallTime kNow = parse_rfc3339("2026-11-21T02:03:04Z").value();

std::string envelope(int code, std::string_view reason, std::string_view message,
                     std::string_view location = "") {
  return cat(R"({"error":{"code":)", code, R"(,"message":")", message,
             R"(","errors":[{"message":")", message, R"(","domain":"global","reason":")", reason,
             R"(","location":")", location, R"("}]}})");
}

Error of(int status, const std::string& body, std::string_view retry = "") {
  return error_of({status, "application/json", body, retry}, "doing it", kNow);
}

TEST(Errors, ReasonsOfTheReference) {
  struct Case {
    int status;
    const char* reason;
    ErrorCode code;
    bool retryable;
  };
  for (const Case& each : std::vector<Case>{
           {400, "badRequest", ErrorCode::kInvalidArgument, false},
           {400, "invalidParameter", ErrorCode::kInvalidArgument, false},
           {401, "authError", ErrorCode::kLoginNeeded, false},
           {403, "userRateLimitExceeded", ErrorCode::kRateLimited, true},
           {403, "rateLimitExceeded", ErrorCode::kRateLimited, true},
           {403, "sharingRateLimitExceeded", ErrorCode::kRateLimited, true},
           {403, "dailyLimitExceeded", ErrorCode::kQuotaExceeded, false},
           {403, "accessNotConfigured", ErrorCode::kLoginNeeded, false},
           {403, "quotaExceeded", ErrorCode::kQuotaExceeded, false},
           {403, "storageQuotaExceeded", ErrorCode::kStorageFull, false},
           {403, "teamDriveFileLimitExceeded", ErrorCode::kStorageFull, false},
           {403, "numChildrenInNonRootLimitExceeded", ErrorCode::kTooLarge, false},
           {403, "insufficientParentPermissions", ErrorCode::kPermissionDenied, false},
           {403, "crossDomainMoveRestriction", ErrorCode::kCrossDevice, false},
           {403, "propertyLengthLimitExceeded", ErrorCode::kTooLarge, false},
           {409, "duplicate", ErrorCode::kAlreadyExists, false},
           {403, "myDriveHierarchyDepthLimitExceeded", ErrorCode::kNameTooLong, false},
           {403, "downloadQuotaExceeded", ErrorCode::kQuotaExceeded, false},
           {403, "cannotDownloadAbusiveFile", ErrorCode::kPermissionDenied, false},
           {403, "fileNotDownloadable", ErrorCode::kUnsupported, false},
           {403, "fileNotExportable", ErrorCode::kUnsupported, false},
           {403, "exportSizeLimitExceeded", ErrorCode::kTooLarge, false},
           {403, "pageTokenExpired", ErrorCode::kTokenExpired, false},
           {403, "insufficientFilePermissions", ErrorCode::kPermissionDenied, false},
           {403, "insufficientPermissions", ErrorCode::kLoginNeeded, false},
           {403, "domainPolicy", ErrorCode::kLoginNeeded, false},
           {403, "someNewReason", ErrorCode::kPermissionDenied, false},
           {403, "teamDrivesFolderMoveInNotSupported", ErrorCode::kCrossDevice, false},
           {404, "notFound", ErrorCode::kNotFound, false},
           {409, "fileIdInUse", ErrorCode::kAlreadyExists, false},
           {410, "gone", ErrorCode::kTokenExpired, false},
           {412, "conditionNotMet", ErrorCode::kStale, false},
           {416, "requestedRangeNotSatisfiable", ErrorCode::kOutOfRange, false},
           {429, "rateLimitExceeded", ErrorCode::kRateLimited, true},
           {500, "internalError", ErrorCode::kUnavailable, true},
           {503, "backendError", ErrorCode::kUnavailable, true},
       }) {
    const Error error = of(each.status, envelope(each.status, each.reason, "m"));
    EXPECT_EQ(to_string(error.code), to_string(each.code)) << each.reason;
    EXPECT_EQ(error.retryable, each.retryable) << each.reason;
  }
}

TEST(Errors, TheTwoWordingsOfTheUserRateLimit) {
  const Error cap = of(403, envelope(403, "userRateLimitExceeded", "User rate limit exceeded."));
  EXPECT_EQ(cap.code, ErrorCode::kQuotaExceeded);
  EXPECT_FALSE(cap.retryable);
  const Error rate = of(403, envelope(403, "userRateLimitExceeded",
                                      "User Rate Limit Exceeded. Rate of requests for user exceed "
                                      "configured project quota"));
  EXPECT_EQ(rate.code, ErrorCode::kRateLimited);
  EXPECT_TRUE(rate.retryable);
}

TEST(Errors, RefusedPageTokens) {
  for (const int status : {400, 404, 410}) {
    EXPECT_EQ(of(status, envelope(status, "invalid", "Invalid Value", "pageToken")).code,
              ErrorCode::kTokenExpired);
  }
  EXPECT_EQ(of(400, envelope(400, "invalid", "Invalid Value", "q")).code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(of(400, envelope(400, "badRequest", "no such conversion", "convertTo")).code,
            ErrorCode::kUnsupported);
}

TEST(Errors, OtherEnvelopes) {
  EXPECT_EQ(of(403, R"({"error":{"code":403,"status":"RESOURCE_EXHAUSTED","message":"m"}})").code,
            ErrorCode::kRateLimited);
  EXPECT_EQ(of(403, R"({"error":{"code":403,"status":"PERMISSION_DENIED"}})").code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(of(400, R"({"error":"invalid_grant","error_description":"Token revoked."})").code,
            ErrorCode::kLoginNeeded);
  EXPECT_EQ(of(403, R"([{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}])").code,
            ErrorCode::kRateLimited);
  EXPECT_EQ(of(403, R"({"error":{"errors":[5],"message":7}})").code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(of(503, R"({"error":[]})").code, ErrorCode::kUnavailable);
}

TEST(Errors, BodiesThatAreNotDrives) {
  const auto html = [](int status) {
    return error_of({status, "text/html", "<html>502. That’s an error.</html>", ""}, "x", kNow);
  };
  EXPECT_EQ(html(502).code, ErrorCode::kUnavailable);
  EXPECT_TRUE(html(502).retryable);
  EXPECT_EQ(html(429).code, ErrorCode::kRateLimited);
  EXPECT_TRUE(html(429).retryable);
  // No right is denied and nothing is gone because some proxy says so.
  EXPECT_EQ(html(403).code, ErrorCode::kUnavailable);
  EXPECT_TRUE(html(403).retryable);
  EXPECT_EQ(html(404).code, ErrorCode::kUnavailable);
  EXPECT_EQ(html(409).code, ErrorCode::kUnavailable);
  EXPECT_TRUE(html(404).retryable);
  EXPECT_EQ(html(302).code, ErrorCode::kUnavailable);
  EXPECT_EQ(of(500, "").code, ErrorCode::kUnavailable);
  EXPECT_EQ(of(400, std::string(100'000, '[')).code, ErrorCode::kInvalidArgument);
}

TEST(Errors, MessagesSayWhatAndHoldNoSecret) {
  const Error error = of(404, envelope(404, "notFound", "File not found: 1x."));
  EXPECT_EQ(error.message, "doing it: File not found: 1x. (404 notFound)");
  const Error leaking = of(400, envelope(400, "invalid", "bad Authorization: Bearer ya29.abcdef"));
  EXPECT_EQ(leaking.message.find("abcdef"), std::string::npos);
  const Error endless = of(400, envelope(400, "invalid", std::string(10'000, 'x')));
  EXPECT_LT(endless.message.size(), 400U);
  for (const auto& [reason, remedy] :
       {std::pair("insufficientPermissions", "run `driveway login` again"),
        std::pair("accessNotConfigured", "enable the Drive API"),
        std::pair("domainPolicy", "administrator")}) {
    EXPECT_NE(of(403, envelope(403, reason, "m")).message.find(remedy), std::string::npos);
  }
}

TEST(Errors, WhereTheApiIsEnabled) {
  const std::string page = "https://console.developers.google.com/apis/api/drive?project=7";
  const auto url = [](const std::string& message) {
    return enable_url(wrap(of(403, envelope(403, "accessNotConfigured", message)), "about"));
  };
  EXPECT_EQ(url(cat("Enable it by visiting ", page, " then retry.")), page);
  EXPECT_EQ(url(cat("Visit ", page, ".")), page);
  for (const char* odd : {"", "m", "https://evil.example/", "http://console.cloud.google.com/x"}) {
    EXPECT_EQ(url(odd), "https://console.cloud.google.com/apis/library/drive.googleapis.com");
  }
  EXPECT_EQ(enable_url(of(403, envelope(403, "forbidden", page))), std::nullopt);
}

TEST(Errors, RetryAfter) {
  using std::chrono::seconds;
  EXPECT_EQ(parse_retry_after("120", kNow), seconds(120));
  EXPECT_EQ(parse_retry_after(" 0 ", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 02:03:34 GMT", kNow), seconds(30));
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2020 02:03:34 GMT", kNow), seconds(0));
  for (const char* odd :
       {"", "-1", "soon", "1.5", "Sat, 99 Nov 2026 02:03:34 GMT", "Sat, 21 Nvo 2026 02:03:34 GMT",
        "Sat, 21 Nov 2026 25:03:34 GMT", "Sat, 21 Nov 2026 02:03:34 CET", "a b c d e GMT"}) {
    EXPECT_EQ(parse_retry_after(odd, kNow), std::nullopt) << odd;
  }
  EXPECT_EQ(retry_after(of(429, "", "7")), seconds(7));
  EXPECT_EQ(retry_after(of(503, "", "7")), seconds(7));
  EXPECT_EQ(retry_after(of(429, "")), std::nullopt);
  EXPECT_EQ(retry_after(of(404, envelope(404, "notFound", "m"), "7")), std::nullopt);
  // The hint survives copying and wrapping.
  const Error wrapped = wrap(of(429, "", "7"), "listing");
  EXPECT_EQ(retry_after(wrapped), seconds(7));
  EXPECT_EQ(wrapped.code, ErrorCode::kRateLimited);
}

}  // namespace
}  // namespace driveway::drive
