#include <gtest/gtest.h>

#include "sim/net/head_parser.h"
#include "sim/net/service.h"

namespace driveway::sim {
namespace {

ParsedRange parsed(const std::string& text, Bytes size) { return parse_range(&text, size); }

TEST(SimRange, SatisfiableOnesAreCutToTheSize) {
  const auto expect = [](const std::string& text, Bytes offset, Bytes length) {
    const ParsedRange range = parsed(text, 100);
    EXPECT_EQ(range.verdict, RangeVerdict::kSatisfiable) << text;
    EXPECT_EQ(range.range, (ByteRange{offset, length})) << text;
  };
  expect("bytes=0-0", 0, 1);
  expect("bytes=10-19", 10, 10);
  expect("bytes=10-", 10, 90);
  expect("bytes=99-", 99, 1);
  expect("bytes=90-1000", 90, 10);
  expect("bytes=0-18446744073709551615", 0, 100);
  expect("bytes=-1", 99, 1);
  expect("bytes=-1000", 0, 100);
  expect(" Bytes=1-2 ", 1, 2);
}

TEST(SimRange, AtOrBehindTheEndIsUnsatisfiable) {  // drive-api reference 4
  EXPECT_EQ(parsed("bytes=100-", 100).verdict, RangeVerdict::kUnsatisfiable);
  EXPECT_EQ(parsed("bytes=100-200", 100).verdict, RangeVerdict::kUnsatisfiable);
  EXPECT_EQ(parsed("bytes=-0", 100).verdict, RangeVerdict::kUnsatisfiable);
  EXPECT_EQ(parsed("bytes=0-", 0).verdict, RangeVerdict::kUnsatisfiable);
  EXPECT_EQ(parsed("bytes=0-0", 0).verdict, RangeVerdict::kUnsatisfiable);
  EXPECT_EQ(parsed("bytes=-5", 0).verdict, RangeVerdict::kUnsatisfiable);
}

TEST(SimRange, MalformedAndSeveralAreIgnored) {
  EXPECT_EQ(parse_range(nullptr, 100).verdict, RangeVerdict::kNone);
  for (const char* text :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1", "items=0-1",
        "bytes=0-1,5-6", "bytes=1-x", "bytes=-x", "bytes=--1", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(parsed(text, 100).verdict, RangeVerdict::kNone) << text;
  }
}

class PieceReader final : public BodyReader {
 public:
  explicit PieceReader(std::size_t total) : left_(total) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t count = std::min({buffer.size(), left_, std::size_t{1000}});
    std::fill_n(buffer.begin(), count, std::byte{'x'});
    left_ -= count;
    return count;
  }

 private:
  std::size_t left_;
};

TEST(SimBodyReader, ReadAllKeepsItsLimit) {
  const auto all = PieceReader(200'000).read_all();
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(*all, std::string(200'000, 'x'));
  EXPECT_EQ(PieceReader(5000).read_all(5000)->size(), 5000u);
  EXPECT_TRUE(PieceReader(5001).read_all(5000).failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(PieceReader(0).read_all()->empty());
}

TEST(SimHeadParser, TakesAHeadApart) {
  const auto parsed = parse_head(
      "PATCH /drive/v3/files/a%2Fb?q=name+%3D+'x'&fields=id&q=second&flag HTTP/1.1\r\n"
      "Host: localhost\r\nX-Twice: 1\r\nx-twice: 2\r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  const RequestHead& head = parsed->head;
  EXPECT_EQ(head.method, "PATCH");
  EXPECT_EQ(head.raw_path, "/drive/v3/files/a%2Fb");
  EXPECT_EQ(head.path, "/drive/v3/files/a/b");
  EXPECT_EQ(*head.query_value("q"), "name = 'x'");
  EXPECT_EQ(*head.query_value("flag"), "");
  EXPECT_EQ(head.query_value("Q"), nullptr);
  EXPECT_EQ(*head.header("X-TWICE"), "1");
  EXPECT_EQ(head.header("Range"), nullptr);
  EXPECT_EQ(parsed->content_length, 12u);
  EXPECT_TRUE(parsed->expects_continue);
  EXPECT_TRUE(parsed->keep_alive);
  EXPECT_FALSE(parsed->chunked);
}

TEST(SimHeadParser, KnowsWhenAConnectionEnds) {
  EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_TRUE(parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->keep_alive);
}

TEST(SimHeadParser, AbsoluteTargetsAreThoseOfAProxy) {
  const auto parsed =
      parse_head("GET http://www.googleapis.com/drive/v3/about?x=1 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->head.path, "/drive/v3/about");
  EXPECT_EQ(*parsed->head.query_value("x"), "1");
}

TEST(SimHeadParser, RefusesWhatIsMalformed) {
  for (const char* text :
       {"GET\r\n\r\n", "GET / HTTP/9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"}) {
    EXPECT_TRUE(parse_head(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(SimHeadParser, FindsTheEndOfAHead) {
  using Verdict = HeadEnd::Verdict;
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  HeadEnd end;
  for (std::size_t size = 0; size < head.size(); ++size) {
    end = find_head_end(std::string_view(head).substr(0, size), end.scanned);
    EXPECT_EQ(end.verdict, Verdict::kIncomplete) << size;
  }
  end = find_head_end(head + "GET", end.scanned);
  EXPECT_EQ(end.verdict, Verdict::kComplete);
  EXPECT_EQ(end.size, head.size());
  EXPECT_EQ(find_head_end("\x16\x03\x01", 0).verdict, Verdict::kMalformed);  // a TLS hello
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\n\n", 0).verdict, Verdict::kMalformed);
}

}  // namespace
}  // namespace driveway::sim
