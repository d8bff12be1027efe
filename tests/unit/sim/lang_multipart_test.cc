#include <cstring>
#include <iostream>
#include <random>
#include <span>
#include <string>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "sim/lang/multipart.h"

namespace driveway::sim {
namespace {

// Gives `step` bytes at most a time, and nothing more behind `break_at`.
class Chunks final : public BodyReader {
 public:
  Chunks(std::string text, std::size_t step, std::size_t break_at = std::string::npos)
      : text_(std::move(text)), step_(step), break_at_(break_at) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (at_ >= break_at_) return Error{ErrorCode::kUnavailable, "the peer has gone"};
    const std::size_t count =
        std::min({buffer.size(), step_, std::min(text_.size(), break_at_) - at_});
    std::memcpy(buffer.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t step_;
  std::size_t break_at_;
  std::size_t at_ = 0;
};

std::string related(std::string_view media, std::string_view end = "\r\n",
                    std::string_view encoding = "") {
  std::string body = cat("--B", end, "Content-Type: application/json; charset=UTF-8", end, end,
                         "{\"name\":\"x\"}", end, "--B", end, "Content-Type: image/png", end);
  if (!encoding.empty()) body += cat("Content-Transfer-Encoding: ", encoding, end);
  return cat(body, end, media, end, "--B--", end);
}

constexpr const char* kType = "multipart/related; boundary=\"B\"";

Result<std::string> media_of(BodyReader& body, const std::string& type = kType) {
  DRIVEWAY_TRY(const auto upload, RelatedUpload::open(type, body));
  EXPECT_EQ(upload->metadata(), "{\"name\":\"x\"}");
  EXPECT_EQ(upload->media_type(), "image/png");
  return upload->media().read_all();
}

std::string random_media(std::mt19937_64& random, std::size_t size) {
  // What a delimiter is made of comes often, so that half of one is met.
  constexpr std::string_view kPieces[] = {"\r", "\n", "\r\n", "-", "--", "\r\n--", "B", "x", "\0"};
  std::string media;
  while (media.size() < size) media += kPieces[random() % std::size(kPieces)];
  std::size_t at = 0;
  while ((at = media.find("\n--B")) != std::string::npos) media[at + 3] = 'C';
  return media;
}

TEST(RelatedUpload, GivesTheMediaAsItWas) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (const std::string_view end : {"\r\n", "\n"}) {
    for (int i = 0; i < 60; ++i) {
      std::string media = random_media(random, random() % 400);
      if (end == "\n" && media.ends_with('\r')) media += '.';
      Chunks body(related(media, end), 1 + random() % 50);
      const auto got = media_of(body);
      ASSERT_TRUE(got.ok()) << got.error().to_string() << " seed " << seed;
      ASSERT_EQ(*got, media) << "seed " << seed;
    }
  }
}

TEST(RelatedUpload, LargeAndEmptyMedia) {
  const std::string large(3 * kMiB + 17, 'x');
  Chunks body(related(large), 100'000);
  EXPECT_EQ(*media_of(body), large);
  Chunks empty(related(""), 7);
  EXPECT_EQ(*media_of(empty), "");
}

TEST(RelatedUpload, DecodesBase64) {
  std::string media;
  for (int i = 0; i < 100'000; ++i) media += static_cast<char>(i * 7);
  std::string encoded = base64(media);
  for (std::size_t at = 76; at < encoded.size(); at += 78) encoded.insert(at, "\r\n");
  Chunks body(related(encoded, "\r\n", "base64"), 1000);
  EXPECT_EQ(*media_of(body), media);
  Chunks cut(related("abc", "\r\n", "base64"), 1000);
  EXPECT_TRUE(media_of(cut).failed_with(ErrorCode::kInvalidArgument));
  Chunks wrong(related("ab!*", "\r\n", "base64"), 1000);
  EXPECT_TRUE(media_of(wrong).failed_with(ErrorCode::kInvalidArgument));
}

TEST(RelatedUpload, RefusesWhatIsNoSuchBody) {
  const std::string good = related("media");
  const auto fails = [](const std::string& text, const std::string& type = kType) {
    Chunks body(text, 10);
    return media_of(body, type).failed_with(ErrorCode::kInvalidArgument);
  };
  EXPECT_TRUE(fails(good, "multipart/related"));
  EXPECT_TRUE(fails(good, "multipart/mixed; boundary=B"));
  EXPECT_TRUE(fails(good, "multipart/related; boundary=OTHER"));
  EXPECT_TRUE(fails(""));
  EXPECT_TRUE(fails(good.substr(0, good.size() - 6)));  // no closing delimiter
  EXPECT_TRUE(fails("--B\r\n\r\n{}\r\n--B--\r\n"));     // one part
  EXPECT_TRUE(fails(good.substr(0, good.size() - 4) + "\r\n\r\nthird\r\n--B--"));  // three
  EXPECT_TRUE(fails(good + "more"));
  EXPECT_EQ(malformed_multipart().http, 400);
}

// A cut connection is no malformed body: nobody is there to be answered.
TEST(RelatedUpload, TellsACutConnectionFromABadBody) {
  const std::string good = related(std::string(1000, 'x'));
  for (const std::size_t at :
       {std::size_t{5}, std::size_t{60}, std::size_t{300}, good.size() - 3}) {
    Chunks body(good, 50, at);
    EXPECT_TRUE(media_of(body).failed_with(ErrorCode::kUnavailable)) << at;
  }
}

RequestHead outer(const std::string& type = "multipart/mixed; boundary=B") {
  RequestHead head;
  head.headers = {{"Host", "www.googleapis.com"},
                  {"Authorization", "Bearer outer"},
                  {"Content-Type", type},
                  {"Content-Length", "1"}};
  return head;
}

TEST(Batch, ReadsItsCalls) {
  const std::string body =
      "--B\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\n"
      "PATCH /drive/v3/files/A%20B?fields=id&supportsAllDrives=true HTTP/1.1\r\n"
      "Content-Type: application/json\r\nAuthorization: Bearer inner\r\nContent-Length: 16\r\n\r\n"
      "{\"trashed\":true}\r\n"
      "--B\r\nContent-Type: application/http\r\n\r\nGET /drive/v3/about?fields=user\r\n"
      "--B--\r\n";
  const auto calls = parse_batch(outer(), body);
  ASSERT_TRUE(calls.ok()) << calls.error().message;
  ASSERT_EQ(calls->size(), 2U);
  const BatchCall& first = (*calls)[0];
  EXPECT_EQ(first.content_id, "<1>");
  EXPECT_EQ(first.head.method, "PATCH");
  EXPECT_EQ(first.head.path, "/drive/v3/files/A B");
  EXPECT_EQ(*first.head.query_value("fields"), "id");
  EXPECT_EQ(*first.head.header("authorization"), "Bearer inner");
  EXPECT_EQ(first.body, "{\"trashed\":true}");
  const BatchCall& second = (*calls)[1];
  EXPECT_EQ(second.head.method, "GET");
  EXPECT_EQ(*second.head.header("Authorization"), "Bearer outer");
  EXPECT_EQ(second.head.header("Content-Type"), nullptr);
  EXPECT_EQ(second.body, "");
}

// Google's Python client writes LF alone, and no empty line behind a head without a body.
TEST(Batch, ReadsWhatPythonWrites) {
  const std::string body =
      "--===============12==\nContent-Type: application/http\nMIME-Version: 1.0\n"
      "Content-Transfer-Encoding: binary\nContent-ID: <uuid +\n a%20b>\n\n"
      "GET /drive/v3/files/1?alt=json HTTP/1.1\nContent-Type: application/json\n"
      "MIME-Version: 1.0\naccept: application/json\nHost: www.googleapis.com\n"
      "--===============12==--";
  const auto calls = parse_batch(outer("multipart/mixed; boundary=\"===============12==\""), body);
  ASSERT_TRUE(calls.ok()) << calls.error().message;
  ASSERT_EQ(calls->size(), 1U);
  EXPECT_EQ((*calls)[0].head.path, "/drive/v3/files/1");
  EXPECT_EQ((*calls)[0].body, "");

  BatchAnswer answer;
  answer.add((*calls)[0], 404, {{"Vary", "Origin"}}, "application/json; charset=UTF-8", "{}");
  const std::string type = answer.content_type();
  const std::string boundary = type.substr(type.find('=') + 1);
  EXPECT_EQ(answer.finish(),
            "--" + boundary +
                "\r\nContent-Type: application/http\r\nContent-ID: <response-uuid + a%20b>\r\n\r\n"
                "HTTP/1.1 404 Not Found\r\nContent-Type: application/json; charset=UTF-8\r\n"
                "Vary: Origin\r\nContent-Length: 2\r\n\r\n{}\r\n--" +
                boundary + "--\r\n");
}

std::string batch_of(const std::string& line, int count = 1) {
  std::string body;
  for (int i = 0; i < count; ++i) {
    body += "--B\r\nContent-Type: application/http\r\n\r\n" + line + "\r\n\r\n\r\n";
  }
  return body + "--B--\r\n";
}

TEST(Batch, Limits) {
  EXPECT_TRUE(parse_batch(outer(), batch_of("GET /a HTTP/1.1", 100)).ok());
  for (const std::string& body :
       {batch_of("GET /a HTTP/1.1", 101), batch_of("GET /" + std::string(8000, 'a') + " HTTP/1.1"),
        batch_of("GET https://www.googleapis.com/a HTTP/1.1"), batch_of("nonsense"),
        std::string("--B--\r\n"), std::string(), std::string("--B\r\nContent-Type: text/plain\r\n"),
        std::string("--B\r\nContent-Type: text/plain\r\n\r\nGET /a\r\n--B--")}) {
    const auto calls = parse_batch(outer(), body);
    ASSERT_FALSE(calls.ok()) << body.substr(0, 80);
    EXPECT_EQ(calls.error().http, 400);
    EXPECT_EQ(calls.error().reason, "badRequest");
  }
  EXPECT_FALSE(parse_batch(outer("application/json"), batch_of("GET /a")).ok());
  EXPECT_FALSE(parse_batch(RequestHead{}, batch_of("GET /a")).ok());
}

}  // namespace
}  // namespace driveway::sim
