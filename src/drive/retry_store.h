// Asks again after what may pass: faults of network and server, rate limits, answers that were not
// understood.
//
// Which errors: those with `retryable`. When: after 1, 2, 4 … 32 s plus up to 1 s of jitter
// (drive-api reference 1.9), or after what Drive asked for (Retry-After) if that is longer. The
// first retry of a fault that is no rate limit comes after 250 ms plus up to 250 ms: a single 5xx
// or a kept-alive connection that died between two calls is nearly always gone then, a reader waits
// for it.
//
// Which calls: those that RemoteStore's contract allows to be repeated. A create or copy without an
// id could make a second item, and is repeated only after an answer that says that it was not
// carried out (a rate limit). A send() never is: what Drive has of it must be asked first. Where
// an earlier try may have been carried out, a later one says so: kAlreadyExists, kNotFound.
//
// How long: until the Context's deadline (R5). A pause that would pass it is cut short, for a last
// try a second before it; where Drive asked for more than that, or no two seconds are left, the
// last error is returned at once. A call without a deadline ends after `max_tries` tries in a row,
// since some 500s are for good (reference 1.9).
//
// A `read` (also of a revision) goes on where it broke off: the sink gets each byte once, in order,
// after a new_answer(), and tries are counted anew after each 256 KiB of progress. An error of the
// sink, or of the source of a content, is never retried. An export, which cannot be resumed
// (reference 4), is collected and then handed on in one go: at most 64 MiB, else kTooLarge.
//
// Thread-safe. Metrics: drive.retries (counter), drive.METHOD.gave_up (counter).
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>

#include "base/clock.h"
#include "base/metrics.h"
#include "drive/decorated_store.h"

namespace driveway::drive {

struct RetryOptions {
  Duration first = std::chrono::seconds(1);
  Duration longest = std::chrono::seconds(32);
  Duration jitter = std::chrono::seconds(1);
  Duration quick = std::chrono::milliseconds(250);  // before the first retry of a plain fault
  // A longer Retry-After than this is not waited for: the error is returned at once.
  Duration longest_asked = std::chrono::minutes(10);
  int max_tries = 17;      // without a deadline: about six minutes
  std::uint64_t seed = 0;  // of the jitter; 0: a random one
};

class RetryStore final : public DecoratedStore {
 public:
  RetryStore(RemoteStore& inner, Clock& clock, Metrics& metrics, RetryOptions options = {});
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Status export_document(const Context& context, const FileId& id, const std::string& mime_type,
                         ByteSink& sink) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

 protected:
  Status around(const Context& context, const CallInfo& call, const Attempt& attempt) override;

 private:
  // How a series of tries stands.
  struct Tries {
    int failed = 0;
  };
  using ReadRange = std::function<Status(ByteRange range, ByteSink& sink)>;
  // Reads [range) by as many calls of `ask` as it takes.
  Status resume(const Context& context, Method method, ByteRange range, ByteSink& sink,
                const ReadRange& ask);
  // How long to wait now; nothing: there is to be no other try.
  std::optional<Duration> next_pause(const Context& context, const Tries& tries,
                                     const Error& error);
  // Waits before the next try; the error to return if there is to be none.
  Status pause(const Context& context, Method method, Tries& tries, const Error& error);
  Duration pause_before(const Tries& tries, const Error& error);
  Duration random_up_to(Duration limit);

  Clock& clock_;
  Metrics& metrics_;
  Counter& retries_;
  const RetryOptions options_;
  std::mutex mutex_;
  std::mt19937_64 random_;
};

}  // namespace driveway::drive
