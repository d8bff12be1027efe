// The only file that sees spdlog.
#define SPDLOG_PREVENT_CHILD_FD  // a helper program that we start must not inherit the log
#include "base/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "base/file.h"

namespace driveway::log {

namespace {

constexpr mode_t kFileMode = 0600;

spdlog::level::level_enum level_for_spdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("driveway", std::move(sink));
  logger->set_level(spdlog::level::trace);  // enabled() has the say
  logger->flush_on(spdlog::level::trace);   // the last line before a crash is the one that counts
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %t %v", spdlog::pattern_time_type::utc);
  return logger;
}

struct Sink {
  std::atomic<Level> level{Level::kWarn};
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> logger =
      make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
};

// Never destroyed: threads may log while the process exits.
Sink& sink() {
  static Sink& instance = *new Sink;
  return instance;
}

void use(std::shared_ptr<spdlog::logger> logger) {
  const std::lock_guard lock(sink().mutex);
  sink().logger.swap(logger);
}

// spdlog would create the file with the umask's mode: it is made before it opens it, at first and
// after each rotation.
int create_file(const std::string& path) {
  const UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return errno;
  // Rotation renames, and the mode is changed: not to be done to /dev/null by root.
  if (!S_ISREG(info.st_mode)) return EINVAL;
  return fchmod(fd.get(), kFileMode) == 0 ? 0 : errno;
}

// `message` as one line.
std::string on_one_line(std::string message) {
  std::size_t at = message.find_first_of("\r\n");
  if (at == std::string::npos) return message;
  std::string out;
  std::size_t from = 0;
  for (; at != std::string::npos; at = message.find_first_of("\r\n", from)) {
    out.append(message, from, at - from);
    out += message[at] == '\n' ? "\\n" : "\\r";
    from = at + 1;
  }
  return out.append(message, from);
}

}  // namespace

Result<Level> parse_level(std::string_view name) {
  if (name == "trace") return Level::kTrace;
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "warn" || name == "warning") return Level::kWarn;
  if (name == "error") return Level::kError;
  if (name == "off") return Level::kOff;
  return Error{ErrorCode::kInvalidArgument,
               cat("not a log level: '", name, "' (trace, debug, info, warn, error or off)")};
}

void set_level(Level level) { sink().level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) {
  return level >= sink().level.load(std::memory_order_relaxed) && level != Level::kOff;
}

Status init_file(const std::filesystem::path& path, std::size_t max_bytes) {
  constexpr std::size_t kRotatedFiles = 2;  // and the one being written
  if (const int error_number = create_file(path.native()); error_number != 0) {
    return errno_error(error_number, cat("cannot open the log '", path.native(), "'"));
  }
  try {
    spdlog::file_event_handlers handlers;
    handlers.before_open = [](const std::string& name) { create_file(name); };
    use(make_logger(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        path.native(), max_bytes, kRotatedFiles, false, handlers)));
  } catch (const std::exception& failure) {
    return Error{ErrorCode::kLocalDisk, cat("cannot open the log '", path.native(),
                                            "': ", std::string_view(failure.what()))};
  }
  return {};
}

void init_stderr() { use(make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>())); }

void write(Level level, std::string_view message) {
  if (!enabled(level)) return;
  std::shared_ptr<spdlog::logger> logger;
  {
    const std::lock_guard lock(sink().mutex);
    logger = sink().logger;
  }
  // spdlog catches what its sinks throw, and says it on stderr.
  logger->log(level_for_spdlog(level), on_one_line(redact(message)));
}

}  // namespace driveway::log
