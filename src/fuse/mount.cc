#include "fuse/mount.h"

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "fuse/device_read_ahead.h"
#include "fuse/invalidator.h"
#include "fuse/kernel_cache.h"
#include "fuse/operations.h"
#include "fuse/request_loop.h"
#include "fuse/unmount.h"

namespace driveway::fuse {
namespace {

constexpr int kMaxThreads = 1024;
constexpr auto kInitDeadline = std::chrono::seconds(15);
// The kernel asks in pieces of at most 1 MiB (256 pages), so this is four requests under way. From
// 1 MiB on, sequential reads of what is here are equally fast (DESIGN.md); a reader of little waits
// for little, because the kernel begins with four times what it wants.
constexpr Bytes kReadAhead = 4 * kMiB;
constexpr std::string_view kAnyName = "-";  // in use or not: it is only looked up again

// Options that the kernel or mount(8) knows. "nonempty" was libfuse 2's; libfuse 3 always allows
// it.
constexpr std::array<std::string_view, 14> kKnownOptions = {
    "allow_other", "allow_root", "default_permissions",
    "ro",          "rw",         "nodev",
    "dev",         "nosuid",     "suid",
    "noexec",      "exec",       "sync",
    "noatime",     "nonempty"};

// Root's own mount lets nobody else in, and no mode keeps root out. To check it nevertheless, the
// kernel would ask for a folder's attributes again after each new name in it.
bool needs_mode_checks(const std::vector<std::string>& options) {
  const auto lets_others_in = [](const std::string& option) {
    return option == "allow_other" || option == "default_permissions";
  };
  return ::geteuid() != 0 || std::any_of(options.begin(), options.end(), lets_others_in);
}

Result<std::string> option_list(const std::vector<std::string>& options) {
  std::string list = "fsname=driveway,subtype=driveway";
  if (needs_mode_checks(options)) list += ",default_permissions";
  for (const std::string& option : options) {
    const bool known =
        std::find(kKnownOptions.begin(), kKnownOptions.end(), option) != kKnownOptions.end() ||
        option.starts_with("max_read=");
    if (!known) {
      return Error{ErrorCode::kInvalidArgument, cat("unknown mount option \"", option, "\"")};
    }
    if (option != "nonempty" && option != "default_permissions") list += cat(",", option);
  }
  return list;
}

// libfuse 3.14 never asks for PARALLEL_DIROPS (measured.md): the first answer of a session is that
// of INIT, and gets the bit here.
ssize_t patched_writev(int fd, iovec* parts, int count, void* userdata) {
  auto& state = *static_cast<MountState*>(userdata);
  if (!state.init_answered.exchange(true) && count >= 2 &&
      parts[1].iov_len >= offsetof(fuse_init_out, flags) + sizeof(fuse_init_out::flags)) {
    static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= FUSE_PARALLEL_DIROPS;
  }
  return ::writev(fd, parts, count);
}

ssize_t plain_read(int fd, void* buffer, std::size_t size, void*) {
  return ::read(fd, buffer, size);
}

struct SessionDeleter {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

class MountImpl final : public Mount {
 public:
  MountImpl(const MountOptions& options, vfs::Vfs& vfs, Clock& clock, Metrics& metrics)
      : options_(options),
        vfs_(vfs),
        clock_(clock),
        invalidator_(kernel_cache_, metrics),
        state_{.vfs = vfs,
               .clock = clock,
               .invalidator = invalidator_,
               .kernel_cache = kernel_cache_,
               .read_deadline = options.read_deadline,
               .numbers = InodeNumbers(options.top),
               .on_init = [this] { initialised(); },
               .read_latency = metrics.histogram("fuse.read"),
               .write_latency = metrics.histogram("fuse.write"),
               .lookup_latency = metrics.histogram("fuse.lookup"),
               .read_bytes = metrics.counter("fuse.read_bytes"),
               .write_bytes = metrics.counter("fuse.write_bytes"),
               .readdirs = metrics.counter("fuse.readdirs"),
               .errors = metrics.counter("fuse.errors")} {}

  ~MountImpl() override {
    stop();
    if (session_ == nullptr) return;
    // Frees what libfuse remembers of the mountpoint; nothing is mounted there by us any more.
    // After a lazy detach it would unmount what others may have mounted there meanwhile.
    if (!detached_) fuse_session_unmount(session_.get());
  }

  void stop() override {
    vfs_.remove_observer(invalidator_);
    state_.unmounting.cancel();
    if (still_mounted() && !unmount(false).ok()) {
      if (const Status detached = unmount(true); !detached.ok()) log::warn(detached.error());
    }
    // The invalidator first: the kernel makes it wait for a look-up in the same directory, which
    // ends only while requests are still read (they are cancelled by now).
    invalidator_.stop();
    if (loop_) loop_->stop();
  }

  Status open() {
    DRIVEWAY_TRY(std::string list, option_list(options_.kernel_options));
    std::string program = "driveway";
    std::string flag = "-o";
    std::array<char*, 4> arguments = {program.data(), flag.data(), list.data(), nullptr};
    fuse_args args = FUSE_ARGS_INIT(3, arguments.data());
    session_.reset(fuse_session_new(&args, &operations(), sizeof(fuse_lowlevel_ops), &state_));
    fuse_opt_free_args(&args);
    if (session_ == nullptr) {
      return Error{ErrorCode::kInvalidArgument, cat("libfuse refused the options ", list)};
    }
    if (fuse_session_mount(session_.get(), options_.mountpoint.c_str()) != 0) {
      return Error{ErrorCode::kPermissionDenied,
                   cat("cannot mount on ", options_.mountpoint.string(),
                       ": is /dev/fuse here, and may this user mount?")};
    }
    mounted_ = true;
    const fuse_custom_io io{.writev = patched_writev,
                            .read = plain_read,
                            .splice_receive = nullptr,
                            .splice_send = nullptr};
    if (fuse_session_custom_io(session_.get(), &io, fuse_session_fd(session_.get())) != 0) {
      return Error{ErrorCode::kInternal, "libfuse refused the session's own descriptor"};
    }
    return serve();
  }

  void wait() override { loop_->wait_for_end(); }

  Status unmount(bool force) override {
    Status unmounted = unmount_path(options_.mountpoint, force);
    if (unmounted.ok()) mounted_ = false;
    if (unmounted.ok() && force) detached_ = true;
    return unmounted;
  }

 private:
  // What is mounted there once ours has gone may be somebody else's.
  bool still_mounted() const { return mounted_ && fuse_session_exited(session_.get()) == 0; }

  // Starts answering, and returns when the kernel gets answers.
  Status serve() {
    invalidator_.start(kernel());
    vfs_.add_observer(invalidator_);
    loop_ = std::make_unique<RequestLoop>(session_.get(), options_.threads, kMaxThreads);
    {
      std::unique_lock lock(mutex_);
      const Context context{.deadline = clock_.now() + kInitDeadline};
      const Status ready = driveway::wait(context, clock_, lock, initialised_changed_,
                                          [this] { return initialised_; });
      if (!ready.ok()) return wrap(ready.error(), "the kernel did not begin the FUSE session");
    }
    struct stat attributes {};
    if (::stat(options_.mountpoint.c_str(), &attributes) != 0) {
      return errno_error(errno,
                         cat("the mount at ", options_.mountpoint.string(), " does not answer"));
    }
    const Status raised = set_device_read_ahead(attributes.st_dev, kReadAhead);
    if (!raised.ok()) log::info("large reads are asked for in small pieces: ", raised.error());
    return {};
  }

  Invalidator::Kernel kernel() {
    return {
        .drop_entry = [this](InodeId parent, const std::string& name) { drop_entry(parent, name); },
        .drop_attributes =
            [this](InodeId inode) {
              // A negative offset: attributes only. It waits for no lock of a page.
              fuse_lowlevel_notify_inval_inode(session_.get(), state_.numbers.kernels(inode), -1,
                                               0);
            },
        .drop_content =
            [this](InodeId inode) {
              fuse_lowlevel_notify_inval_inode(session_.get(), state_.numbers.kernels(inode), 0, 0);
            },
        .drop_directory =
            [this](InodeId inode) {
              // An answer to readdir may be with the kernel and not yet in its cache. This
              // waits until all are, because both take the directory's lock.
              fuse_lowlevel_notify_inval_entry(session_.get(), state_.numbers.kernels(inode),
                                               kAnyName.data(), kAnyName.size());
              fuse_lowlevel_notify_inval_inode(session_.get(), state_.numbers.kernels(inode), 0, 0);
            }};
  }

  // A folder whose name is dropped has no path any more for a process that works in it (getcwd),
  // though the name may mean the same again at once. One that is only looked up again keeps it;
  // kernels before 6.2 cannot do that.
  void drop_entry(InodeId parent, const std::string& name) {
    const int expired =
        fuse_lowlevel_notify_expire_entry(session_.get(), state_.numbers.kernels(parent),
                                          name.c_str(), name.size(), FUSE_LL_EXPIRE_ONLY);
    if (expired != -ENOSYS) return;
    fuse_lowlevel_notify_inval_entry(session_.get(), state_.numbers.kernels(parent), name.c_str(),
                                     name.size());
  }

  void initialised() {
    const std::lock_guard lock(mutex_);
    initialised_ = true;
    initialised_changed_.notify_all();
  }

  const MountOptions options_;
  vfs::Vfs& vfs_;
  Clock& clock_;
  KernelCache kernel_cache_;
  Invalidator invalidator_;
  MountState state_;
  std::unique_ptr<fuse_session, SessionDeleter> session_;
  std::atomic<bool> mounted_{false};
  std::atomic<bool> detached_{false};  // lazily: open files may keep it alive
  std::unique_ptr<RequestLoop> loop_;  // ends before the session, which it tells to end
  std::mutex mutex_;
  std::condition_variable initialised_changed_;
  bool initialised_ = false;
};

}  // namespace

std::string library_version() { return fuse_pkgversion(); }

Result<std::unique_ptr<Mount>> Mount::mount(const MountOptions& options, vfs::Vfs& vfs,
                                            Clock& clock, Metrics& metrics) {
  auto mount = std::make_unique<MountImpl>(options, vfs, clock, metrics);
  DRIVEWAY_CHECK(mount->open());
  return std::unique_ptr<Mount>(std::move(mount));
}

}  // namespace driveway::fuse
