// What the link to Drive does, measured from the downloads that run: what read-ahead's window and
// its number of streams rest on (R3), and what tells a stalled range from a slow link (R4).
//
// A connection's own rate shows only while the link is not full; so the best counts, and fades
// while less comes than it says. The link asks for as many streams as its total holds of one
// connection's rate; where those that run do not slow each other down it is not known to be full,
// and more are tried.
//
// Thread-safe.
#pragma once

#include <map>
#include <mutex>

#include "base/bytes.h"
#include "base/clock.h"

namespace driveway::transfer {

// Zero where nothing is known yet.
struct LinkSpeed {
  double connection_rate = 0;  // bytes a second of one connection
  double total_rate = 0;       // bytes a second of all
  Duration first_byte{};       // from asking to the first byte of an answer
  int streams = 4;             // connections that fill the link, 1–8

  // How many GETs of `length` keep so many connections busy: others run while one waits for its
  // first byte.
  int gets_at_once(Bytes length) const;
};

class LinkMeter {
 public:
  static constexpr int kMostStreams = 8;  // R3
  static constexpr int kMostGets = 12;    // of one reader, with those that wait for a first byte

  explicit LinkMeter(Clock& clock) : clock_(clock) {}

  // One answer, `key` being its own while it lasts.
  void asked(const void* key);
  void arrived(const void* key, Bytes bytes);
  void ended(const void* key);

  LinkSpeed speed() const;

 private:
  struct Answer {
    TimePoint asked_at{};
    TimePoint window_from{};  // of what `in_window` counts; zero before the first byte
    Bytes in_window = 0;
  };

  void close_window(TimePoint now);
  void adapt(double total, int busy);

  Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<const void*, Answer> answers_;
  TimePoint window_from_{};
  Bytes in_window_ = 0;
  double connection_rate_ = 0;
  double total_rate_ = 0;
  double first_byte_ = 0;  // seconds
  int streams_ = 4;
};

}  // namespace driveway::transfer
