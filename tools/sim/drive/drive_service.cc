#include "sim/drive/drive_service.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "sim/drive/access_check.h"
#include "sim/drive/api.h"
#include "sim/drive/batch.h"
#include "sim/drive/dump.h"
#include "sim/drive/json_text.h"
#include "sim/drive/method_override.h"
#include "sim/drive/seeder.h"
#include "sim/drive/snapshot.h"
#include "sim/drive/spec.h"
#include "sim/lang/discovery.h"

namespace driveway::sim {

namespace {

constexpr std::string_view kJson = "application/json; charset=UTF-8";
constexpr std::size_t kMaxSnapshot = std::size_t{4} << 30;
constexpr Bytes kMaxStorage = Bytes{1} << 60;

using Handler = Reply (*)(Call&);

Handler handler_of(Method method) {
  switch (method) {
    case Method::kAboutGet:
      return api::about_get;
    case Method::kFilesList:
      return api::files_list;
    case Method::kFilesGet:
      return api::files_get;
    case Method::kFilesGetMedia:
      return api::files_get_media;
    case Method::kFilesCreate:
      return api::files_create;
    case Method::kFilesUpdate:
      return api::files_update;
    case Method::kFilesCopy:
      return api::files_copy;
    case Method::kFilesDelete:
      return api::files_delete;
    case Method::kFilesEmptyTrash:
      return api::files_empty_trash;
    case Method::kFilesGenerateIds:
      return api::files_generate_ids;
    case Method::kFilesExport:
      return api::files_export;
    case Method::kUploadCreate:
    case Method::kUploadUpdate:
      return api::upload_start;
    case Method::kUploadData:
      return api::upload_data;
    case Method::kRevisionsList:
      return api::revisions_list;
    case Method::kRevisionsGet:
      return api::revisions_get;
    case Method::kRevisionsGetMedia:
      return api::revisions_get_media;
    case Method::kRevisionsUpdate:
      return api::revisions_update;
    case Method::kRevisionsDelete:
      return api::revisions_delete;
    case Method::kChangesList:
      return api::changes_list;
    case Method::kChangesStartPageToken:
      return api::changes_start_page_token;
    case Method::kDrivesList:
      return api::drives_list;
    case Method::kDrivesGet:
      return api::drives_get;
    case Method::kDrivesCreate:
      return api::drives_create;
    case Method::kDrivesUpdate:
      return api::drives_update;
    case Method::kDrivesDelete:
      return api::drives_delete;
    case Method::kDrivesHide:
      return api::drives_hide;
    case Method::kDrivesUnhide:
      return api::drives_unhide;
    case Method::kPermissionsList:
      return api::permissions_list;
    case Method::kPermissionsGet:
      return api::permissions_get;
    case Method::kPermissionsCreate:
      return api::permissions_create;
    case Method::kPermissionsUpdate:
      return api::permissions_update;
    case Method::kPermissionsDelete:
      return api::permissions_delete;
    case Method::kBatch:
    case Method::kDiscovery:
    case Method::kUnrouted:
      break;
  }
  return nullptr;
}

void send_error(Responder& out, const ApiError& error) {
  if (error.http == 401) {
    out.add_header("WWW-Authenticate",
                   "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
  }
  out.add_header("Vary", "Origin, X-Origin");
  out.send(error.http, kJson, error.body());
}

void send_reply(Responder& out, const Reply& reply, bool pretty) {
  if (reply.sent) return;
  out.add_header("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
  out.add_header("Vary", "Origin, X-Origin");
  if (reply.json.empty()) {
    out.send(reply.status, "", "");
  } else if (pretty && reply.status < 300) {
    out.send(reply.status, kJson, pretty_json(reply.json));
  } else {
    out.send(reply.status, kJson, reply.json);
  }
}

void send_not_found_page(Responder& out) {
  out.send(404, "text/html; charset=UTF-8",
           "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> "
           "That's an error.<p>The requested URL was not found on this server.");
}

}  // namespace

class DriveSim::Impl {
 public:
  Impl(ConfigStore& config, Clock& clock, TokenVerifier& tokens, DriveOptions options)
      : options_(std::move(options)),
        clock_(clock),
        tokens_(tokens),
        contents_(options_.data_dir),
        world_(clock, config),
        dice_(options_.seed),
        state_{clock, config, world_, contents_, uploads_, dice_} {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status load();
  void start_snapshots();
  std::optional<CallInfo> classify(const RequestHead& head);
  void serve(const RequestHead& head, BodyReader& body, Responder& out);
  Result<nlohmann::json> create_account(const nlohmann::json& spec);
  Result<nlohmann::json> seed(const nlohmann::json& spec);
  Result<std::string> dump(const DumpRequest& request);
  bool ready() const { return contents_.ready(); }
  Status save();

 private:
  void answer(const RequestHead& head, const Route& route, BodyReader& body, Responder& out);
  void ensure_viewer(const Viewer& viewer, bool service_account);
  void run_snapshots();

  const DriveOptions options_;
  Clock& clock_;
  TokenVerifier& tokens_;
  ContentStore contents_;
  World world_;
  UploadSessions uploads_;
  Dice dice_;
  SimState state_;

  std::mutex save_mutex_;
  std::atomic<std::uint64_t> settings_{0};  // grows with each setting of an account
  ChangeNumber saved_ = 0;                  // what the last snapshot holds; guarded by save_mutex_
  std::uint64_t saved_settings_ = 0;        // likewise
  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  std::thread snapshots_;
};

DriveSim::Impl::~Impl() {
  if (!snapshots_.joinable()) return;
  {
    const std::lock_guard lock(stop_mutex_);
    stopping_ = true;
  }
  stop_changed_.notify_all();
  snapshots_.join();
  if (const Status saved = save(); !saved.ok()) log::error("the last snapshot: ", saved.error());
}

Status DriveSim::Impl::load() {
  if (options_.data_dir.empty()) return {};
  const auto path = options_.data_dir / "state.ndjson";
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return {};
  DRIVEWAY_TRY(const std::string text, read_file(path, kMaxSnapshot));
  const std::unique_lock lock(world_.mutex());
  DRIVEWAY_CHECK(read_snapshot(text, world_, contents_));
  contents_.remove_unreferenced();
  saved_ = world_.next_change();
  return {};
}

void DriveSim::Impl::start_snapshots() {
  if (options_.data_dir.empty()) return;
  snapshots_ = start_thread("sim-snapshot", [this] { run_snapshots(); });
}

void DriveSim::Impl::run_snapshots() {
  std::unique_lock lock(stop_mutex_);
  while (!stopping_) {
    const TimePoint next = clock_.now() + options_.snapshot_interval;
    if (clock_.wait_until(lock, stop_changed_, next, [this] { return stopping_; })) return;
    lock.unlock();
    if (const Status saved = save(); !saved.ok()) log::error("a snapshot: ", saved.error());
    lock.lock();
  }
}

Status DriveSim::Impl::save() {
  if (options_.data_dir.empty()) return {};
  const std::lock_guard lock(save_mutex_);
  DRIVEWAY_CHECK(contents_.save_hashes());
  std::string text;
  ChangeNumber number = 0;
  std::uint64_t settings = 0;
  {
    const std::shared_lock world_lock(world_.mutex());
    number = world_.next_change();
    settings = settings_.load();
    if (number == saved_ && settings == saved_settings_) return {};
    text = write_snapshot(world_);
  }
  DRIVEWAY_CHECK(write_file_atomically(options_.data_dir / "state.ndjson", text, 0600));
  saved_ = number;
  saved_settings_ = settings;
  return {};
}

std::optional<CallInfo> DriveSim::Impl::classify(const RequestHead& head) {
  const auto overridden = method_override(head);
  const RequestHead& effective = overridden ? *overridden : head;
  const auto route = route_of(effective);
  if (!route) return std::nullopt;
  const MethodTraits& traits = traits_of(route->method);
  CallInfo info{std::string(traits.name), traits.call_class, traits.units, traits.write, ""};
  if (route->method == Method::kUploadData) {
    const std::string* id = head.query_value("upload_id");
    const auto session = uploads_.find(id == nullptr ? "" : *id, world_.now());
    if (session) info.user = *session->viewer.mail;
  } else if (const auto token = access_token_of(head); token && !token->empty()) {
    if (const auto known = tokens_.verify(*token)) info.user = known->account;
  }
  return info;
}

void DriveSim::Impl::ensure_viewer(const Viewer& viewer, bool service_account) {
  const bool app_data = (viewer.scopes & kScopeAppdata) != 0;
  const std::string folder = app_data ? app_data_folder_id(viewer.mail, viewer.project) : "";
  {
    const std::shared_lock lock(world_.mutex());
    const bool known = world_.account(viewer.mail) != nullptr;
    if (known && (!app_data || world_.current().peek(folder) != nullptr)) return;
  }
  const std::unique_lock lock(world_.mutex());
  world_.ensure_account(*viewer.mail, service_account);
  if (!app_data || world_.current().peek(folder) != nullptr) return;
  Item root;
  root.serial = world_.next_serial();
  root.id = folder;
  root.name = "Application Data";
  root.mime = intern(mime::kFolder);
  root.kind = Kind::kFolder;
  root.owner = root.last_user = viewer.mail;
  root.created = root.modified = world_.now();
  root.root = true;
  Extras extras;
  extras.app_data_of = viewer.project;
  root.set_extras(std::move(extras));
  world_.put(std::move(root));
}

void DriveSim::Impl::answer(const RequestHead& head, const Route& route, BodyReader& body,
                            Responder& out) {
  const CommonParameters common = value_or_refuse(common_parameters(head));
  value_or_refuse(alt_parameter(head));
  if (route.method == Method::kBatch) {
    check_login_of_batch(head, tokens_);
    serve_batch(
        head, body, out, [this](const RequestHead& inner) { return classify(inner); },
        [this](const RequestHead& inner, BodyReader& inner_body, Responder& answer) {
          serve(inner, inner_body, answer);
        });
    return;
  }
  Call call{state_, head, route, {}, body, out, common.pretty_print};
  if (route.method != Method::kUploadData) {  // its URI is the credential
    const TokenInfo token = authenticate(head, route, tokens_);
    call.viewer = authorize(token, route);
    ensure_viewer(call.viewer, token.is_service_account);
  }
  world_.catch_up();
  const Reply reply = handler_of(route.method)(call);
  send_reply(out, reply, call.pretty);
}

void DriveSim::Impl::serve(const RequestHead& head, BodyReader& body, Responder& out) {
  try {
    const auto overridden = method_override(head, body);
    const RequestHead& effective = overridden ? *overridden : head;
    const auto route = route_of(effective);
    if (is_head_of_media(effective)) {
      refuse(errors::backend(503));  // not to be relied on (drive-api reference 4)
    } else if (!route || route->method == Method::kUnrouted) {
      send_not_found_page(out);
    } else if (route->method == Method::kDiscovery) {
      const std::string* host = head.header("Host");
      out.send(200, kJson, discovery_document(root_url_of(host == nullptr ? "" : *host, head.tls)));
    } else {
      answer(effective, *route, body, out);
    }
  } catch (const Refused& refused) {
    send_error(out, refused.error);
  } catch (const BodyGone&) {
    out.drop_connection();
  } catch (const std::exception& error) {
    log::error("sim: ", std::string_view(error.what()));
    send_error(out, errors::internal());
  }
}

Result<nlohmann::json> DriveSim::Impl::create_account(const nlohmann::json& spec) {
  for (const auto& [key, value] : spec.items()) {
    if (key != "email" && key != "name" && key != "storage_limit" && key != "service_account") {
      return Error{ErrorCode::kInvalidArgument, cat("unknown key \"", key, "\" in an account")};
    }
  }
  try {
    const std::string mail = spec.at("email");
    const bool service = spec.value("service_account", false);
    std::optional<Bytes> storage_limit;
    if (const auto limit = spec.find("storage_limit"); limit != spec.end() && !limit->is_null()) {
      DRIVEWAY_TRY(storage_limit, whole_number(*limit, "storage_limit", kMaxStorage));
    }
    const std::unique_lock lock(world_.mutex());
    Account& account = world_.ensure_account(mail, service);
    if (spec.contains("name")) account.name = spec.at("name");
    if (spec.contains("service_account")) account.service_account = service;
    if (spec.contains("storage_limit")) account.storage_limit = storage_limit;
    ++settings_;
    return nlohmann::json{{"email", *account.mail},
                          {"permission_id", account.permission_id},
                          {"root_id", account.root_id}};
  } catch (const nlohmann::json::exception&) {
    return Error{ErrorCode::kInvalidArgument, "an account needs an \"email\", and right types"};
  }
}

Result<nlohmann::json> DriveSim::Impl::seed(const nlohmann::json& spec) {
  const std::unique_lock lock(world_.mutex());
  return Seeder(world_, contents_, options_.project).seed(spec);
}

Result<std::string> DriveSim::Impl::dump(const DumpRequest& request) {
  const std::shared_lock lock(world_.mutex());
  return dump_tree(world_, request);
}

DriveSim::DriveSim(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DriveSim::~DriveSim() = default;

Result<std::unique_ptr<DriveSim>> DriveSim::create(ConfigStore& config, Clock& clock,
                                                   TokenVerifier& tokens, DriveOptions options) {
  if (!options.data_dir.empty()) DRIVEWAY_CHECK(make_private_directory(options.data_dir));
  auto impl = std::make_unique<Impl>(config, clock, tokens, std::move(options));
  DRIVEWAY_CHECK(impl->load());
  return std::unique_ptr<DriveSim>(new DriveSim(std::move(impl)));
}

std::optional<CallInfo> DriveSim::classify(const RequestHead& head) {
  return impl_->classify(head);
}
void DriveSim::serve(const RequestHead& head, const CallInfo& /*info*/, BodyReader& body,
                     Responder& responder) {
  impl_->serve(head, body, responder);
}
Result<nlohmann::json> DriveSim::create_account(const nlohmann::json& spec) {
  return impl_->create_account(spec);
}
Result<nlohmann::json> DriveSim::seed(const nlohmann::json& spec) { return impl_->seed(spec); }
Result<std::string> DriveSim::dump(const DumpRequest& request) { return impl_->dump(request); }
bool DriveSim::ready() const { return impl_->ready(); }
void DriveSim::start_snapshots() { impl_->start_snapshots(); }
Status DriveSim::save() { return impl_->save(); }

}  // namespace driveway::sim
