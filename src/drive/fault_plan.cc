#include "drive/fault_plan.h"

#include <chrono>
#include <utility>

namespace driveway::drive {

void Gate::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Gate::wait_for_blocked(int calls) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return arrived_ >= calls; });
}

int Gate::arrived() const {
  const std::lock_guard lock(mutex_);
  return arrived_;
}

Status Gate::pass(const Context& context, Clock& clock) {
  std::unique_lock lock(mutex_);
  ++arrived_;
  changed_.notify_all();
  return wait(context, clock, lock, changed_, [&] { return open_; });
}

void FaultPlan::fail(Method method, Error error, int times) {
  const std::lock_guard lock(mutex_);
  failures_[method].push_back({std::move(error), times});
}

void FaultPlan::cut(Method method, Bytes after, Error error, int times) {
  const std::lock_guard lock(mutex_);
  cuts_[method].push_back({after, std::move(error), times});
}

void FaultPlan::lose_answer(Method method, int times) {
  const std::lock_guard lock(mutex_);
  lost_answers_[method] += times;
}

template <typename Fault>
std::optional<Fault> FaultPlan::take(std::map<Method, std::deque<Fault>>& faults, Method method) {
  auto& queue = faults[method];
  if (queue.empty()) return std::nullopt;
  Fault fault = queue.front();
  if (--queue.front().times <= 0) queue.pop_front();
  return fault;
}

std::shared_ptr<Gate> FaultPlan::block(Method method) {
  auto gate = std::make_shared<Gate>();
  std::shared_ptr<Gate> previous;
  {
    const std::lock_guard lock(mutex_);
    previous = std::exchange(gates_[method], gate);
  }
  if (previous) previous->open();
  return gate;
}

void FaultPlan::set_hook(Hook hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultPlan::clear() {
  std::map<Method, std::shared_ptr<Gate>> gates;
  {
    const std::lock_guard lock(mutex_);
    failures_.clear();
    lost_answers_.clear();
    cuts_.clear();
    hook_ = nullptr;
    gates.swap(gates_);
  }
  for (const auto& [method, gate] : gates) gate->open();
}

Status FaultPlan::before(const Context& context, const CallInfo& call) {
  DRIVEWAY_CHECK(context.check(clock_));
  Hook hook;
  std::shared_ptr<Gate> gate;
  std::optional<Failure> failure;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
    if (const auto found = gates_.find(call.method); found != gates_.end()) gate = found->second;
    failure = take(failures_, call.method);
  }
  if (hook) DRIVEWAY_CHECK(hook(context, call));
  if (gate) DRIVEWAY_CHECK(gate->pass(context, clock_));
  if (failure) return std::move(failure->error);
  return {};
}

Status FaultPlan::after(const CallInfo& call) {
  const std::lock_guard lock(mutex_);
  int& lost = lost_answers_[call.method];
  if (lost == 0) return {};
  --lost;
  return Error{ErrorCode::kUnavailable, "the connection broke before the answer", true};
}

// Passes on the first `after` bytes, then fails.
class FaultPlan::CutSink final : public ByteSink {
 public:
  CutSink(ByteSink& sink, Bytes after, Error error)
      : sink_(sink), left_(after), error_(std::move(error)) {}

  Status write(std::span<const std::byte> data) override {
    const auto part = data.first(static_cast<std::size_t>(std::min<Bytes>(left_, data.size())));
    left_ -= part.size();
    if (!part.empty()) DRIVEWAY_CHECK(sink_.write(part));
    if (part.size() < data.size()) return error_;
    return {};
  }
  void new_answer() override { sink_.new_answer(); }
  void asked() override { sink_.asked(); }

 private:
  ByteSink& sink_;
  Bytes left_;
  const Error error_;
};

ByteSink& FaultPlan::wrap(Method method, ByteSink& sink, std::unique_ptr<ByteSink>& wrapper) {
  const std::lock_guard lock(mutex_);
  auto cut = take(cuts_, method);
  if (!cut) return sink;
  wrapper = std::make_unique<CutSink>(sink, cut->after, std::move(cut->error));
  return *wrapper;
}

// Lets the first `after` bytes be read, in all.
class FaultPlan::CutSource final : public ContentSource {
 public:
  CutSource(ContentSource& content, Bytes after, Error error)
      : content_(content), left_(after), error_(std::move(error)) {}

  Bytes size() const override { return content_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    if (buffer.size() > left_) return error_;
    left_ -= buffer.size();
    return content_.read(offset, buffer);
  }

 private:
  ContentSource& content_;
  Bytes left_;
  const Error error_;
};

ContentSource* FaultPlan::wrap(Method method, ContentSource* content,
                               std::unique_ptr<ContentSource>& wrapper) {
  if (content == nullptr) return nullptr;
  const std::lock_guard lock(mutex_);
  auto cut = take(cuts_, method);
  if (!cut) return content;
  wrapper = std::make_unique<CutSource>(*content, cut->after, std::move(cut->error));
  return wrapper.get();
}

}  // namespace driveway::drive
