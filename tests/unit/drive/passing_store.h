// Stores that pass calls on, for tests to change some of them.
#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "drive/decorated_store.h"

namespace driveway::drive {

class PassingStore : public DecoratedStore {
 public:
  using DecoratedStore::DecoratedStore;

 protected:
  Status around(const Context&, const CallInfo&, const Attempt& attempt) override {
    return attempt();
  }
};

// The next `flips` reads deliver a flipped bit.
class FlippingStore final : public PassingStore {
 public:
  using PassingStore::PassingStore;
  std::atomic<int> flips = 0;

  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override {
    Flip flip(sink, flips.fetch_sub(1) > 0);
    return inner_.read(context, item, range, flip);
  }

 private:
  class Flip final : public ByteSink {
   public:
    Flip(ByteSink& sink, bool flip) : sink_(sink), flip_(flip) {}
    Status write(std::span<const std::byte> data) override {
      std::vector<std::byte> copy(data.begin(), data.end());
      if (std::exchange(flip_, false)) copy.front() ^= std::byte{1};
      return sink_.write(copy);
    }
    void new_answer() override { sink_.new_answer(); }
    void asked() override { sink_.asked(); }

   private:
    ByteSink& sink_;
    bool flip_;
  };
};

}  // namespace driveway::drive
