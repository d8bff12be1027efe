#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "base/log.h"

namespace driveway::log {
namespace {

// Whatever stands between ‹ and › is the secret: it must go, and all around it must stay.
struct Case {
  std::string text;
  std::string expected;
};

Case marked(std::string_view pattern) {
  const std::string_view open = "‹";
  const std::string_view close = "›";
  Case out;
  while (true) {
    const auto from = pattern.find(open);
    if (from == std::string_view::npos) break;
    const auto to = pattern.find(close);
    out.text += pattern.substr(0, from);
    out.expected += pattern.substr(0, from);
    out.text += pattern.substr(from + open.size(), to - from - open.size());
    out.expected += "[redacted]";
    pattern.remove_prefix(to + close.size());
  }
  out.text += pattern;
  out.expected += pattern;
  return out;
}

void expect_redacted(std::string_view pattern) {
  const Case c = marked(pattern);
  EXPECT_EQ(redact(c.text), c.expected) << c.text;
  EXPECT_EQ(redact(c.expected), c.expected) << "not idempotent: " << c.text;
}

TEST(RedactTest, HeadersAndBearer) {
  expect_redacted("Bearer ‹abc.def-123_~+/==›");
  expect_redacted("sent bearer ‹xyz›, then stopped");
  expect_redacted("Authorization: ‹Bearer ya29.a0AfH6SM›\r\nHost: x");
  expect_redacted("authorization: ‹Basic dXNlcjpwYXNz›\nnext line");
  expect_redacted("Proxy-Authorization: ‹Basic dXNlcjpwYXNz›");
  expect_redacted("curl -H 'Authorization: ‹Bearer x y›' https://host/");
  expect_redacted(R"({"Authorization": "‹Bearer abc›", "Host": "h"})");
  expect_redacted("Authorization=‹Bearer›");
  expect_redacted("X-GUploader-UploadID: ‹ADPycdu_1-2›\r\nDate: now");
  expect_redacted("X-Goog-Drive-Resource-Keys: ‹id1/0-key,id2/1-key›");
}

TEST(RedactTest, TokensByTheirLook) {
  expect_redacted("got ‹ya29.a0AfB_by-C.x/1› from the server");
  expect_redacted("x%3D‹ya29.abc%2Fdef›");
  expect_redacted("token(‹ya29.c.Kl6iB›)");
  expect_redacted("stored ‹1//0gabcDEF-_xyz.›");  // a dot may belong to it
  expect_redacted("'‹1//03abc›'");
  expect_redacted("refresh%3D‹1%2F%2F0gabc%26x›&y");
  expect_redacted("line\\n‹1//0gabc›");
  expect_redacted("paste ‹4/0AX4XfWh-abc_def› here");
  expect_redacted("paste ‹4%2F0AX4XfWhabc› here");
  expect_redacted("secret ‹GOCSPX-aBc_dEf-123›;");
}

TEST(RedactTest, JsonValuesOfEveryName) {
  for (const std::string name :
       {"access_token", "refresh_token", "id_token", "client_secret", "private_key", "assertion",
        "code", "code_verifier", "device_code", "upload_id", "resourceKey", "thumbnailLink"}) {
    expect_redacted("{\"" + name + "\":\"‹s3cr3t›\"}");
    expect_redacted("{\"a\":1, \"" + name + "\" :  \"‹s3 c,r&3t›\", \"b\": \"kept\"}");
    expect_redacted("{\"" + name + "\":\n\t\"‹with \\\" quote and \\\\›\"}");
    expect_redacted("{'" + name + "': '‹python›'}");
    expect_redacted("\"{\\\"" + name + "\\\": \\\"‹escaped›\\\", \\\"b\\\": 1}\"");
    expect_redacted("{\"" + name + "\": \"‹cut off in the mid›");
    EXPECT_EQ(redact("{\"" + name + "\": null, \"" + name + "\": \"\"}"),
              "{\"" + name + "\": null, \"" + name + "\": \"\"}");
  }
}

TEST(RedactTest, QueryAndFormValuesOfEveryName) {
  for (const std::string name :
       {"access_token", "refresh_token", "id_token", "client_secret", "private_key", "assertion",
        "code", "code_verifier", "device_code", "upload_id", "resourceKey", "resourcekey", "token",
        "client_assertion"}) {
    expect_redacted(name + "=‹s3cr3t›");
    expect_redacted("GET /x?a=b&" + name + "=‹s3c%2Fr3t›&c=d HTTP/1.1");
    expect_redacted("grant_type=x&" + name + "=‹s3cr3t-._~›");
    expect_redacted("url=https%3A%2F%2Fh%2F%3F" + name + "%3D‹s3cr3t›%26scope%3Dx");
    expect_redacted(name + " = ‹s3cr3t›");
    expect_redacted(name + "=\"‹s3 cr3t›\" b");
  }
  expect_redacted("http://127.0.0.1:8085/?state=xyz&code=‹4/0AbCd_efg›&scope=https://x/drive");
  expect_redacted("driveway login --client-secret=‹abc› --account work");
  expect_redacted("refresh_token: ‹abc›");
  expect_redacted("\\u0026access_token\\u003d‹abc›");
  expect_redacted(
      "PUT https://h/upload/drive/v3/files?uploadType=resumable&upload_id=‹AHm-1_2› 308");
}

TEST(RedactTest, PemBlocks) {
  const std::string pem =
      "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n+/=\n-----END PRIVATE KEY-----";
  expect_redacted("key:\n‹" + pem + "›\nafter");
  expect_redacted("cut ‹-----BEGIN RSA PRIVATE KEY-----\nMIIE never ends›");
  expect_redacted(
      R"({"private_key": "‹-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n›",)"
      R"( "client_email": "a@b"})");
  expect_redacted("two ‹" + pem + "› and ‹" + pem + "›");
}

TEST(RedactTest, OpenUrls) {
  expect_redacted("\"https://lh3.googleusercontent.com/‹drive-storage/AJQWtBN=s220›\"");
  expect_redacted("https://docs.google.com/feeds/download/‹documents/export/Export?id=1› next");
}

TEST(RedactTest, UserAndPasswordOfAUrl) {
  expect_redacted("Unsupported proxy scheme for 'foo://‹user:pw@rd›@proxy.host:3128'");
  expect_redacted("HTTPS_PROXY=http://‹user:pass%40word›@proxy/ is not understood");
  expect_redacted("\"socks5h://‹token›@[::1]:1080\"");
  expect_redacted("twice http://‹a:b›@c and http://‹d:e›@f");
}

TEST(RedactTest, LeavesOrdinaryTextAlone) {
  for (const std::string_view text : {"",
                                      "a",
                                      "mounted /content/drive in 12 ms",
                                      "dir1//file",
                                      "dir1//0file",
                                      "a/1//0b",
                                      "x1//0y",
                                      "v1//0",
                                      "path 1//2",
                                      "../4/0a",
                                      "a/4/0b",
                                      "4/0",
                                      "loaded 4/0 files",
                                      "14/0abc",
                                      "bearer",
                                      "the bearer of",
                                      "error code: 404",
                                      "exit code=1",
                                      "code=28",
                                      "{\"error\": {\"code\": 403, \"message\": \"Rate limit\"}}",
                                      "unexpected token: '}'",
                                      "pageToken=abc&fields=nextPageToken",
                                      "page_token: ~!!~x",
                                      "encode=utf8",
                                      "barcode=1a2b",
                                      "access_tokens are not logged",
                                      "access_token",
                                      "private_keys=3",
                                      "----- BEGIN -----",
                                      "\"access_token\": {",
                                      "client_id=123-abc.apps.googleusercontent.com",
                                      "https://www.googleapis.com/drive/v3/files/1a2B3c?alt=media",
                                      "http://proxy.host:3128",
                                      "https://host/mail/me@example.com?to=you@example.com",
                                      "://",
                                      "2026-11-21T02:03:04.567Z"}) {
    const std::string expected =
        text == "the bearer of" ? "the bearer [redacted]" : std::string(text);
    EXPECT_EQ(redact(text), expected);
  }
}

// Whatever surrounds it, a token does not come through.
TEST(RedactTest, RandomSurroundings) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const std::string_view pieces[] = {
      "\"", "'", ":",       "=",           "&", " ",  "\\", "\n", "{",   "}", "code",        "%3D",
      "%",  "-", "Bearer ", "-----BEGIN ", "/", "1/", "4/", "a",  "\\u", "4", "access_token"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const auto add_noise = [&] {
      for (auto count = random() % 8; count > 0; --count) {
        text += pieces[random() % std::size(pieces)];
      }
    };
    add_noise();
    text += random() % 2 == 0 ? "ya29.TOPSECRET" : "access_token=TOPSECRET";
    const bool named = text.ends_with("=TOPSECRET");
    // A name counts where a word begins; glued to another word it is another name.
    if (named) text.replace(text.size() - 22, 0, "&");
    add_noise();
    const std::string once = redact(text);
    ASSERT_EQ(once.find("TOPSECRET"), std::string::npos) << text << " -> " << once;
  }
}

TEST(RedactTest, TakesLongTextsInOneGo) {
  std::string text;
  while (text.size() < (4 << 20)) text += R"({"access": 1, "bearer": 1//1, "code": 40 '"----- ya2)";
  EXPECT_EQ(redact(text), text);
  const std::string nested(1 << 20, '\\');
  EXPECT_EQ(redact(nested), nested);
  std::string dashes;  // takes minutes where each word is read to its end
  while (dashes.size() < (1 << 20)) dashes += "a-";
  EXPECT_EQ(redact(dashes), dashes);
}

}  // namespace
}  // namespace driveway::log
