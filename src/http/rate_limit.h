// How fast bodies may go in one direction, all calls of a client together (--max-download,
// --max-upload), and the line of those that wait for it.
//
// Who gets nothing pauses and stands in line; the first one goes on as soon as there is something
// again, takes a piece, and stands behind the others: so all get the same share. A piece that
// cannot be cut may take more than there is: then nobody gets anything until that is paid.
//
// Pure but for the time that is given; not thread-safe.
#pragma once

#include <cstddef>
#include <deque>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/token_bucket.h"

namespace driveway::http {

class Transfer;

class RateLimit {
 public:
  // 0: none.
  explicit RateLimit(Bytes per_second);

  // How many bytes may go now; 0: not now.
  Bytes allowance(TimePoint now);
  void spend(Bytes bytes);

  // Stands once in line, whatever is called.
  void enqueue(Transfer* transfer);
  void remove(Transfer* transfer);
  // Who may go on now, taken out of the line; null: nobody.
  Transfer* next(TimePoint now);
  // When next() has somebody; TimePoint::max() where nobody waits.
  TimePoint next_at(TimePoint now);

 private:
  void refill(TimePoint now);

  const bool limited_;
  const double least_;  // so little is nothing yet: no call goes byte by byte
  TokenBucket bucket_;
  TimePoint filled_{};
  std::deque<Transfer*> waiting_;
};

}  // namespace driveway::http
