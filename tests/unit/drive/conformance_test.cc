// The conformance suite on FakeStore, on each decorator over it, and on DriveStore against the
// simulator.
#include "unit/drive/conformance.h"

#include "drive/fake_store.h"
#include "drive/fault_store.h"
#include "drive/metered_store.h"
#include "drive/quota_store.h"
#include "drive/retry_store.h"
#include "drive/store_stack.h"
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
    return fake.add_shared_with_me_file(name, content);
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

INSTANTIATE_TEST_SUITE_P(
    InMemory, Conformance,
    testing::Values(fake_subject("Fake", nullptr),
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
                                   return std::make_unique<MeteredStore>(
                                       world.fake, world.fake_clock, world.metrics);
                                 }),
                    fake_subject("Fault",
                                 [](FakeWorld& world) {
                                   return std::make_unique<FaultStore>(world.fake, world.plan);
                                 })),
    name_of);

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

INSTANTIATE_TEST_SUITE_P(Simulator, Conformance,
                         testing::Values(Subject{"Drive", [] { return make_sim_world(nullptr); }},
                                         Subject{"DriveStack",
                                                 [] { return make_sim_world(with_stack); }}),
                         name_of);

}  // namespace
}  // namespace driveway::drive
