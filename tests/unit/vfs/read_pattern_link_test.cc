// ReadPattern against a model of a link: what its windows and the lengths of its GETs are for (R3).
#include <gtest/gtest.h>

#include <list>
#include <random>

#include "base/interval_set.h"
#include "vfs/read_pattern.h"

namespace driveway::vfs {
namespace {

struct Link {
  double connection_rate;
  double total_rate;
  double first_byte;  // seconds, ± 30 %
  int streams;
};

// One reader in order, with the kernel's read-ahead of 4 MiB, through a driver that does what the
// advice says, on a link whose connections share its rate evenly. Time is a number.
class Model {
 public:
  Model(Bytes size, const Link& link, std::size_t gets_at_once)
      : size_(size),
        link_(link),
        gets_at_once_(gets_at_once),
        speed_{.connection_rate = link.connection_rate,
               .total_rate = link.total_rate,
               .first_byte = std::chrono::duration_cast<Duration>(
                   std::chrono::duration<double>(link.first_byte)),
               .streams = link.streams},
        pattern_(size, Container::kNone) {}

  // Seconds until the last byte was read.
  double read_all() {
    Bytes read = 0;
    Bytes sent = 0;
    while (read < size_) {
      const Bytes ahead = read == 0 ? 2 * kMiB : 4 * kMiB;
      while (sent < size_ && sent < read + ahead) {
        const Bytes length = std::min(kMiB, size_ - sent);
        send({sent, length});
        sent += length;
      }
      step();
      while (read < sent && here_.contains({read, std::min(kMiB, size_ - read)})) {
        read += std::min(kMiB, size_ - read);
      }
    }
    return now_;
  }
  int gets() const { return asked_; }
  Bytes fetched() const { return fetched_; }

 private:
  struct Get {
    ByteRange range;
    double begins;
    double received = 0;
  };

  void send(ByteRange read) {
    const bool hit = here_.contains(read);
    const Advice& advice = pattern_.on_read(read, hit, speed_);
    regions_ = advice.regions;
    if (!hit) ask_gaps(advice.ask, gets_.size() + 2);
    fill();
  }

  void fill() {
    for (const auto& region : regions_) ask_gaps(region.range, gets_at_once_);
  }

  void ask_gaps(ByteRange range, std::size_t at_most) {
    for (const ByteRange& gap : asked_for_.gaps(range)) {
      if (gets_.size() >= at_most) return;
      std::uniform_real_distribution<double> jitter(0.7, 1.3);
      gets_.push_back({gap, now_ + link_.first_byte * jitter(random_)});
      asked_for_.add(gap);
      ++asked_;
      fetched_ += gap.length;
    }
  }

  void step() {
    constexpr double kStep = 0.001;
    now_ += kStep;
    double streaming = 0;
    for (const Get& get : gets_) streaming += get.begins <= now_ ? 1 : 0;
    if (streaming == 0) return;
    const double bytes = std::min(link_.connection_rate, link_.total_rate / streaming) * kStep;
    for (Get& get : gets_) {
      if (get.begins > now_) continue;
      const double more = std::min(bytes, static_cast<double>(get.range.length) - get.received);
      get.received += more;
      here_.add({get.range.offset, static_cast<Bytes>(get.received)});
    }
    const auto done = [](const Get& get) {
      return get.received >= static_cast<double>(get.range.length);
    };
    if (std::erase_if(gets_, done) > 0) fill();
  }

  const Bytes size_;
  const Link link_;
  const std::size_t gets_at_once_;
  const LinkSpeed speed_;
  ReadPattern pattern_;
  std::vector<Advice::Region> regions_;
  std::list<Get> gets_;
  IntervalSet here_;
  IntervalSet asked_for_;
  double now_ = 0;
  Bytes fetched_ = 0;
  int asked_ = 0;
  std::mt19937 random_{20};  // the same in each run
};

TEST(ReadPatternLinkTest, AColdReadFillsALinkOfManyConnections) {  // R3
  Model model(kGiB, {40e6, 200e6, 0.35, 5}, 12);
  EXPECT_LE(model.read_all(), static_cast<double>(kGiB) / 200e6 / 0.85);
  EXPECT_EQ(model.fetched(), kGiB) << "each byte once";
  EXPECT_LE(model.gets(), 96) << "200 units of quota each";
}

TEST(ReadPatternLinkTest, AColdReadFillsALinkOfOneConnection) {
  Model model(kGiB, {1e9, 1e9, 0.001, 1}, 12);
  EXPECT_LE(model.read_all(), static_cast<double>(kGiB) / 1e9 / 0.85);
  EXPECT_EQ(model.fetched(), kGiB);
  EXPECT_LE(model.gets(), 96);
}

}  // namespace
}  // namespace driveway::vfs
