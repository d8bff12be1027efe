// The conformance suite on FakeStore, on each decorator over it, and on DriveStore against the
// simulator.
#include "unit/drive/conformance.h"

#include "drive/fake_store.h"
#include "drive/fault_store.h"
#include "drive/metered_store.h"
#include "drive/quota_store.h"
#include "drive/retry_store.h"
#include "drive/store_stack.h"
#include "unit/drive/conformance_changes.h"
#include "unit/drive/conformance_moves.h"
#include "unit/drive/conformance_refusals.h"
#include "unit/drive/conformance_revisions.h"
#include "unit/drive/conformance_uploads.h"
#include "unit/drive/sim_world.h"

namespace driveway::drive {
namespace {

// A FakeStore, with what `decorate` puts around it.
class FakeWorld final : public World {
 public:
  using Decorate = std::function<std::unique_ptr<RemoteStore>(FakeWorld&)>;

  explicit FakeWorld(const Decorate& decorate) : base_(fake.add_folder(fake.root(), "base")) {
    if (decorate) decorated_ = decorate(*this);
  }

  RemoteStore& store() override { return decorated_ ? *decorated_ : fake; }
  Clock& clock() override { return fake_clock; }
  FileId base() override { return base_; }
  FileId add_folder(const FileId& parent, const std::string& name) override {
    return fake.add_folder(parent, name);
  }
  FileId add_file(const FileId& parent, const std::string& name,
                  const std::string& content) override {
    return fake.add_file(parent, name, content);
  }
  void add_empty_files(const FileId& parent, int count) override {
    for (int i = 0; i < count; ++i) fake.add_file(parent, cat("f", i), "");
  }
  FileId add_shortcut(const FileId& parent, const std::string& name,
                      const FileId& target) override {
    return fake.add_shortcut(parent, name, target);
  }
  FileId add_document(const FileId& parent, const std::string& name) override {
    return fake.add_document(parent, name, "application/vnd.google-apps.document",
                             {{"text/plain", "some text"}}, 1024);
  }
  DriveId add_shared_drive(const std::string& name) override { return fake.add_shared_drive(name); }
  FileId add_shared_with_me(const std::string& name, const std::string& content) override {
    const FileId id = fake.add_shared_with_me_file(name, content);
    fake.edit(id, [](Item& item) { item.capabilities.can_edit = false; });
    return id;
  }
  void rename(const FileId& id, const std::string& name) override { fake.rename(id, name); }
  void move(const FileId& id, const FileId& /*from*/, const FileId& to) override {
    fake.move(id, to);
  }
  void set_content(const FileId& id, const std::string& content) override {
    fake.set_content(id, content);
  }
  void set_properties(const FileId& id,
                      const std::map<std::string, std::string>& properties) override {
    fake.edit(id, [&](Item& item) { item.properties = properties; });
  }
  void trash(const FileId& id) override { fake.trash(id); }
  void untrash(const FileId& id) override { fake.untrash(id); }
  void remove(const FileId& id) override { fake.remove(id); }
  std::string content(const FileId& id) override { return fake.content(id); }
  void set_storage_left(Bytes left) override {
    fake.set_storage_limit(fake.about({}).value().usage + left);
  }
  void set_upload_quota_exhausted(bool exhausted) override {
    fake.set_upload_quota_exhausted(exhausted);
  }
  void lose_next_answer(Method method) override { fake.faults().lose_answer(method); }
  void cut_next_send() override {
    fake.faults().cut(Method::kSend, 700'000, {ErrorCode::kUnavailable, "cut", true});
  }
  void lose_upload(const UploadSession& /*session*/) override { fake.expire_upload_sessions(); }

  FakeClock fake_clock{true};
  Metrics metrics;
  FakeStore fake{fake_clock};
  FaultPlan plan{fake_clock};
  QuotaBudget budget{QuotaModel::k2026, fake_clock, metrics};

 private:
  const FileId base_;
  std::unique_ptr<RemoteStore> decorated_;
};

Subject fake_subject(const std::string& name, FakeWorld::Decorate decorate) {
  return {name, [decorate = std::move(decorate)] { return std::make_unique<FakeWorld>(decorate); }};
}

std::string name_of(const testing::TestParamInfo<Subject>& info) { return info.param.name; }

std::vector<Subject> in_memory() {
  return {fake_subject("Fake", nullptr),
          fake_subject("Retry",
                       [](FakeWorld& world) {
                         return std::make_unique<RetryStore>(world.fake, world.fake_clock,
                                                             world.metrics);
                       }),
          fake_subject("Quota",
                       [](FakeWorld& world) {
                         return std::make_unique<QuotaStore>(world.fake, world.budget);
                       }),
          fake_subject("Metered",
                       [](FakeWorld& world) {
                         return std::make_unique<MeteredStore>(world.fake, world.fake_clock,
                                                               world.metrics);
                       }),
          fake_subject("Fault", [](FakeWorld& world) {
            return std::make_unique<FaultStore>(world.fake, world.plan);
          })};
}

// A stack of decorators over `base`, as one store that owns it all.
class StackStore final : public DecoratedStore {
 public:
  struct Parts {
    Metrics metrics;
    std::unique_ptr<StoreStack> stack;
  };
  explicit StackStore(std::unique_ptr<Parts> parts)
      : DecoratedStore(parts->stack->store()), parts_(std::move(parts)) {}

 private:
  Status around(const Context& /*context*/, const CallInfo& /*call*/,
                const Attempt& attempt) override {
    return attempt();
  }
  const std::unique_ptr<Parts> parts_;
};

std::unique_ptr<RemoteStore> with_stack(std::unique_ptr<RemoteStore> base, Clock& clock) {
  auto parts = std::make_unique<StackStore::Parts>();
  parts->stack = make_store_stack(std::move(base), {}, clock, parts->metrics);
  return std::make_unique<StackStore>(std::move(parts));
}

std::vector<Subject> over_http() {
  return {{"Drive", [] { return make_sim_world(nullptr); }},
          {"DriveStack", [] { return make_sim_world(with_stack); }}};
}

INSTANTIATE_TEST_SUITE_P(InMemory, Conformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(InMemory, ChangesConformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(InMemory, MovesConformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(InMemory, RefusalsConformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(InMemory, UploadConformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(InMemory, RevisionConformance, testing::ValuesIn(in_memory()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, Conformance, testing::ValuesIn(over_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, ChangesConformance, testing::ValuesIn(over_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, MovesConformance, testing::ValuesIn(over_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, RefusalsConformance, testing::ValuesIn(over_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, UploadConformance, testing::ValuesIn(over_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Simulator, RevisionConformance, testing::ValuesIn(over_http()), name_of);

}  // namespace
}  // namespace driveway::drive
