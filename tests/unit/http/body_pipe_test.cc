// What lies between the thread that reads an upload's bytes and the one that sends them.
#include "http/body_pipe.h"

#include <gtest/gtest.h>

#include <thread>

#include "unit/http/test_client.h"

namespace driveway::http {
namespace {

using test::pattern;

class BodyPipeTest : public testing::Test {
 protected:
  // Fills the next piece with the bytes of `text` that belong there.
  void feed() {
    auto piece = pipe->next({}, clock);
    ASSERT_TRUE(piece.ok() && *piece);
    fill(**piece);
    resumes += pipe->give(**std::move(piece)) ? 1 : 0;
  }
  void fill(BodyPipe::Piece& piece) const {
    std::memcpy(piece.bytes.data(), text.data() + piece.offset, piece.bytes.size());
  }
  std::string read(std::size_t size) {
    std::string bytes(size, '\0');
    const auto count = pipe->read(std::as_writable_bytes(std::span(bytes)));
    bytes.resize(count.ok() ? *count : 0);
    if (!count.ok()) {
      EXPECT_TRUE(count.error().retryable);  // "not now"
    }
    return bytes;
  }

  FakeClock clock{true};
  const std::string text = pattern(5 * BodyPipe::kPiece + 100);
  std::shared_ptr<BodyPipe> pipe = std::make_shared<BodyPipe>(text.size());
  int resumes = 0;
};

TEST_F(BodyPipeTest, HoldsAMebibyteAtMost) {
  for (std::size_t i = 0; i < BodyPipe::kMostPieces; ++i) feed();
  const Context soon{.deadline = clock.now() + std::chrono::seconds(1)};
  EXPECT_TRUE(pipe->next(soon, clock).failed_with(ErrorCode::kDeadlineExceeded));
  EXPECT_EQ(read(BodyPipe::kPiece - 1), text.substr(0, BodyPipe::kPiece - 1));
  EXPECT_TRUE(pipe->next(soon, clock).failed_with(ErrorCode::kDeadlineExceeded));
  EXPECT_EQ(read(1), text.substr(BodyPipe::kPiece - 1, 1));
  feed();
}

TEST_F(BodyPipeTest, GivesAllInOrderAndThenEnds) {
  std::string got;
  for (std::size_t i = 0; i < 6; ++i) {
    feed();
    got += read(100'000);
    if (i > 1) got += read(400'000);  // over the edge of a piece
  }
  for (std::string more = read(1 << 20); !more.empty(); more = read(1 << 20)) got += more;
  EXPECT_TRUE(got == text);
  EXPECT_EQ(pipe->read({}).value_or(99), 0U);
  EXPECT_EQ(resumes, 0);
}

TEST_F(BodyPipeTest, WhoFoundNothingIsResumedOnce) {
  EXPECT_EQ(read(10), "");
  feed();
  EXPECT_EQ(resumes, 1);
  feed();
  EXPECT_EQ(resumes, 1);
}

TEST_F(BodyPipeTest, ARewindBeginsAgainAndDropsWhatIsBeingRead) {
  feed();
  EXPECT_EQ(read(10), text.substr(0, 10));
  auto old = pipe->next({}, clock);
  ASSERT_TRUE(old.ok() && *old);
  EXPECT_EQ((*old)->offset, BodyPipe::kPiece);
  EXPECT_TRUE(pipe->rewind().ok());
  fill(**old);
  EXPECT_FALSE(pipe->give(**std::move(old)));
  EXPECT_EQ(read(10), "");
  feed();
  EXPECT_EQ(read(10), text.substr(0, 10));
}

TEST_F(BodyPipeTest, TheEndOfTheCallWakesTheReader) {
  for (std::size_t i = 0; i < BodyPipe::kMostPieces; ++i) feed();
  std::thread io([&] { pipe->done(Response{403, {}, "no"}); });
  const auto piece = pipe->next({}, clock);
  io.join();
  ASSERT_TRUE(piece.ok());
  EXPECT_FALSE(piece->has_value());
  EXPECT_EQ(pipe->take().value().status, 403);
}

}  // namespace
}  // namespace driveway::http
