#include "ocamlfuse/translation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace driveway::ocamlfuse {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

// How a value becomes one of ours.
enum class Way {
  kNone,       // there is nothing like it: `why`
  kTrue,       // true becomes `ours`; false is what holds anyway
  kText,       // as it is, after `ours`
  kSeconds,    // 60 becomes "60s"
  kMegabytes,  // 512 becomes "512M"
  kFolder,     // a folder "driveway" in it
  kOctal,      // "0o022" becomes "022"
  kLogin,      // taken up where driveway logs in; its value is not shown
  kFiles,      // says where files are, and counts where they are opened
};

struct Rule {
  std::string_view key;
  std::string_view usual;  // its built-in value, which nobody chose: no reason to tell or to set
  Way way;
  std::string_view setting;
  std::string_view ours;
  std::string_view why;
  bool loses = false;
};

constexpr std::string_view kStreams =
    "every file is read in ranges ahead of its reader, and kept in blocks";
constexpr std::string_view kUploads =
    "uploads always run in the background, and are resumed where they stopped";
constexpr std::string_view kNetwork = "waits and retries follow what Drive answers";
constexpr std::string_view kDatabase = "there is no SQLite database";
constexpr std::string_view kIcons = "link files have no icon";
constexpr std::string_view kRootFolder = "root_folder";
constexpr std::string_view kTeamDrive = "team_drive_id";
constexpr std::string_view kTop = "top";

constexpr std::array kRules = {
    Rule{"acknowledge_abuse", "false", Way::kTrue, "acknowledge-abuse", "true", ""},
    Rule{"async_upload", "", Way::kNone, "", "", kUploads},
    Rule{"async_upload_queue", "false", Way::kNone, "", "", kUploads},
    Rule{"async_upload_queue_max_length", "", Way::kNone, "", "", kUploads},
    Rule{"async_upload_threads", "", Way::kNone, "", "", kUploads},
    Rule{"autodetect_mime", "", Way::kNone, "", "", "a file's type follows from its name"},
    Rule{"background_folder_fetching", "", Way::kNone, "", "",
         "folders are listed ahead where a walk is seen"},
    Rule{"cache_directory", "", Way::kFolder, "cache-dir", "", ""},
    Rule{"client_id", "", Way::kLogin, "", "", "the OAuth client to log in with"},
    Rule{"client_secret", "", Way::kLogin, "", "", "the OAuth client's secret"},
    Rule{"conflict_resolution", "", Way::kNone, "", "", "both contents are kept"},
    Rule{"connect_timeout_ms", "5000", Way::kNone, "", "", kNetwork},
    Rule{"curl_debug_off", "false", Way::kNone, "", "", "requests are logged with -debug alone"},
    Rule{"data_directory", "", Way::kFiles, "", "", "where the old login is looked for"},
    Rule{"debug", "false", Way::kNone, "", "", "-debug is for that"},
    Rule{"debug_buffers", "false", Way::kNone, "", "", "contents are never logged"},
    Rule{"delete_forever_in_trash_folder", "false", Way::kNone, "", "",
         "nothing can be deleted in .Trash: Drive empties it", true},
    Rule{"desktop_entry_as_html", "false", Way::kNone, "", "", "links to Docs are .desktop files",
         true},
    Rule{"desktop_entry_exec", "", Way::kNone, "", "", "a .desktop file has the URL alone"},
    Rule{"disable_trash", "false", Way::kNone, "", "", "the trash is always at .Trash"},
    Rule{"docs_file_extension", "true", Way::kNone, "", "",
         "the names of Docs always have an extension", true},
    Rule{"force_docs_export", "", Way::kNone, "", "",
         "what Drive cannot export is shown as a link"},
    Rule{"keep_duplicates", "false", Way::kNone, "", "",
         "all files of one name are shown, each under a name of its own"},
    Rule{"large_file_read_only", "false", Way::kNone, "", "",
         "large files can be written like others", true},
    Rule{"large_file_threshold_mb", "16", Way::kNone, "", "", kStreams},
    Rule{"log_directory", "", Way::kNone, "", "", "the log is driveway.log in the cache folder"},
    Rule{"log_to", "", Way::kFiles, "", "", "where the log goes"},
    Rule{"lost_and_found", "false", Way::kTrue, "lost-and-found", "true", ""},
    Rule{"low_speed_limit", "0", Way::kNone, "", "", kNetwork},
    Rule{"low_speed_time", "0", Way::kNone, "", "", kNetwork},
    Rule{"max_cache_size_mb", "512", Way::kMegabytes, "cache-size", "", ""},
    Rule{"max_download_speed", "0", Way::kText, "max-download", "", ""},
    Rule{"max_memory_cache_size", "10485760", Way::kNone, "", "", kStreams},
    Rule{"max_retries", "8", Way::kNone, "", "", kNetwork},
    Rule{"max_upload_chunk_size", "1099511627776", Way::kNone, "", "", kUploads},
    Rule{"max_upload_speed", "0", Way::kText, "max-upload", "", ""},
    Rule{"memory_buffer_size", "1048576", Way::kNone, "", "", kStreams},
    Rule{"metadata_cache_time", "60", Way::kSeconds, "poll", "", ""},
    Rule{"metadata_memory_cache", "true", Way::kNone, "", "", kDatabase},
    Rule{"metadata_memory_cache_saving_interval", "30", Way::kNone, "", "", kDatabase},
    Rule{"mv_keep_target", "false", Way::kTrue, "revisions", "keep",
         "what mv replaces is kept as an earlier revision of the file, not as a second file", true},
    Rule{"new_revision", "true", Way::kNone, "", "", "overwriting always makes a new revision"},
    Rule{"oauth2_loopback", "true", Way::kNone, "", "", "the loopback address is always used"},
    Rule{"oauth2_loopback_port", "8080", Way::kLogin, "", "", "the port that the browser comes to"},
    Rule{"read_ahead_buffers", "3", Way::kNone, "", "", kStreams},
    Rule{"read_only", "false", Way::kTrue, "read-only", "true", ""},
    Rule{"redirect_uri", "", Way::kLogin, "", "", "its port, where it is a loopback address"},
    Rule{"scope", "", Way::kLogin, "", "", "drive, or drive.readonly where it says so"},
    Rule{"service_account_credentials_path", "", Way::kText, "with", "credentials=", ""},
    Rule{"service_account_user_to_impersonate", "", Way::kText, "subject", "", ""},
    Rule{"shared_with_me", "", Way::kNone, "", "", "what others share is always at .shared"},
    Rule{"sqlite3_busy_timeout", "", Way::kNone, "", "", kDatabase},
    Rule{"stream_large_files", "false", Way::kNone, "", "", kStreams},
    Rule{"umask", "", Way::kOctal, "umask", "", ""},
    Rule{"verification_code", "", Way::kLogin, "", "", "Google ended such codes in 2023"},
    Rule{"write_buffers", "false", Way::kNone, "", "", "writes always go to a file first"},
    Rule{"xdg_base_directory", "false", Way::kFiles, "", "", "where the old login is looked for"},
};

// The key of each type of Docs, and how --docs calls the type.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kDocs = {
    {{"document_format", "document"},
     {"spreadsheet_format", "spreadsheet"},
     {"presentation_format", "presentation"},
     {"drawing_format", "drawing"},
     {"form_format", "form"},
     {"apps_script_format", "script"}}};

const Rule* find_rule(std::string_view key) {
  const auto* const found =
      std::find_if(kRules.begin(), kRules.end(), [&](const Rule& rule) { return rule.key == key; });
  return found == kRules.end() ? nullptr : found;
}

std::string value_of(const Values& values, std::string_view key) {
  const auto found = values.find(key);
  return found == values.end() ? "" : found->second;
}

std::string our_value(const Rule& rule, const std::string& value) {
  switch (rule.way) {
    case Way::kTrue:
      return std::string(rule.ours);
    case Way::kText:
      return cat(rule.ours, value);
    case Way::kSeconds:
      return cat(value, "s");
    case Way::kMegabytes:
      return cat(value, "M");
    case Way::kFolder:
      return cat(value, "/driveway");
    case Way::kOctal:
      return value.starts_with("0o") ? value.substr(2) : value;
    case Way::kNone:
    case Way::kLogin:
    case Way::kFiles:
      break;
  }
  return "";
}

Fate fate_of(const std::string& key, const std::string& value) {
  const Rule* const rule = find_rule(key);
  if (rule == nullptr) {
    return {.key = key, .why = "google-drive-ocamlfuse 0.7.32 and 0.8 have no such key"};
  }
  Fate fate{.key = key, .value = rule->way == Way::kLogin ? "" : value};
  fate.why = rule->why;
  const bool chosen = !value.empty() && value != rule->usual;
  if (chosen && !rule->setting.empty()) {
    fate.setting = rule->setting;
    fate.ours = our_value(*rule, value);
  } else if (!chosen && !rule->setting.empty()) {
    fate.why = "as it was built in there: driveway's own value holds";
  }
  fate.loses = chosen && rule->loses;
  return fate;
}

bool is_docs_key(std::string_view key) {
  return key == "download_docs" || key.ends_with("_icon") || key.ends_with("_format");
}

// As -docsmode sets them there.
Values formats_of_mode(const std::string& mode) {
  if (mode == "libreoffice") {
    return {{"document_format", "odt"},     {"spreadsheet_format", "ods"},
            {"presentation_format", "odp"}, {"drawing_format", "png"},
            {"form_format", "zip"},         {"apps_script_format", "json"}};
  }
  if (mode == "msoffice") {
    return {{"document_format", "docx"},     {"spreadsheet_format", "xlsx"},
            {"presentation_format", "pptx"}, {"drawing_format", "png"},
            {"form_format", "zip"},          {"apps_script_format", "json"}};
  }
  Values formats;
  for (const auto& [key, type] : kDocs) formats[std::string(key)] = mode == "off" ? "" : "desktop";
  return formats;
}

// Nothing where nobody chose anything: then links as driveway has them.
std::optional<Fate> docs_fate(const Values& values, const std::string& mode) {
  const bool off = mode == "off" || (mode.empty() && value_of(values, "download_docs") == "false");
  const Values formats = mode.empty() ? values : formats_of_mode(mode);
  const bool chosen = std::any_of(kDocs.begin(), kDocs.end(),
                                  [&](const auto& each) { return formats.contains(each.first); });
  if (!chosen && !off) return std::nullopt;
  Fate fate{.key = "Google Docs", .value = mode, .setting = "docs"};
  if (off) {
    fate.ours = "link";
    fate.why = "they are shown, as small link files";
    fate.loses = true;
    return fate;
  }
  fate.ours = "desktop";
  for (const auto& [key, type] : kDocs) {
    const auto found = formats.find(key);
    const std::string format = found == formats.end() ? "desktop" : found->second;
    if (format == "desktop") continue;
    if (format.empty()) {
      fate.why = "what was not to be exported is shown as a link";
      fate.loses = true;
    }
    // Drive has never made spreadsheets of forms but for a while; what it makes of them is zip.
    const bool of_form = type == "form" && format != "zip";
    fate.ours += cat(",", type, "=", format.empty() || of_form ? "link" : format);
  }
  return fate;
}

// Both say which folder is shown. A path is one in the shared drive, where that is named, too.
std::vector<Fate> top_fates(const Values& values) {
  const std::string folder = value_of(values, kRootFolder);
  const std::string drive = value_of(values, kTeamDrive);
  const bool is_path = folder.starts_with('/');
  std::vector<Fate> fates;
  if (values.contains(kRootFolder)) {
    Fate fate{.key = std::string(kRootFolder), .value = folder};
    if (!folder.empty()) {
      fate.setting = kTop;
      fate.ours = is_path ? folder.substr(1) : cat("id=", folder);
      if (is_path && !drive.empty()) fate.ours = cat("id=", drive, folder);
    }
    fates.push_back(std::move(fate));
  }
  if (values.contains(kTeamDrive)) {
    Fate fate{.key = std::string(kTeamDrive), .value = drive};
    if (!drive.empty() && folder.empty()) {
      fate.setting = kTop;
      fate.ours = cat("id=", drive);
    }
    fates.push_back(std::move(fate));
  }
  for (Fate& fate : fates) {
    if (!fate.setting.empty()) continue;
    fate.why = fate.value.empty() ? "as it was built in there: driveway's own value holds"
                                  : "root_folder says which of its folders is shown";
  }
  return fates;
}

std::string octal(std::string_view text) {
  return std::string(text.starts_with("0o") ? text.substr(2) : text);
}

// libfuse 2 had them; libfuse 3 and driveway do by themselves what is right.
bool is_of_libfuse_2(std::string_view option) {
  constexpr std::array<std::string_view, 33> kWords = {"big_writes",
                                                       "direct_io",
                                                       "kernel_cache",
                                                       "auto_cache",
                                                       "noauto_cache",
                                                       "large_read",
                                                       "hard_remove",
                                                       "use_ino",
                                                       "readdir_ino",
                                                       "intr",
                                                       "async_read",
                                                       "sync_read",
                                                       "atomic_o_trunc",
                                                       "no_remote_lock",
                                                       "no_remote_flock",
                                                       "no_remote_posix_lock",
                                                       "splice_read",
                                                       "splice_write",
                                                       "splice_move",
                                                       "no_splice_read",
                                                       "no_splice_write",
                                                       "no_splice_move",
                                                       "auto_unmount",
                                                       "blkdev",
                                                       "debug",
                                                       "defaults",
                                                       "auto",
                                                       "noauto",
                                                       "user",
                                                       "users",
                                                       "nouser",
                                                       "_netdev",
                                                       "async"};
  constexpr std::array<std::string_view, 16> kBeginnings = {"fsname=",
                                                            "subtype=",
                                                            "entry_timeout=",
                                                            "negative_timeout=",
                                                            "attr_timeout=",
                                                            "ac_attr_timeout=",
                                                            "intr_signal=",
                                                            "max_write=",
                                                            "max_readahead=",
                                                            "max_background=",
                                                            "congestion_threshold=",
                                                            "modules=",
                                                            "blksize=",
                                                            "x-",
                                                            "comment=",
                                                            "nofail"};
  return std::find(kWords.begin(), kWords.end(), option) != kWords.end() ||
         std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](std::string_view each) { return option.starts_with(each); });
}

}  // namespace

std::string to_string(const Fate& fate) {
  const std::string head = fate.value.empty() ? fate.key : cat(fate.key, "=", fate.value);
  if (fate.setting.empty()) return cat(head, ": ", fate.why);
  return cat(head, ": --", fate.setting, " ", fate.ours,
             fate.why.empty() ? "" : cat("; ", fate.why));
}

std::vector<Fate> translate_config(const Values& values, const std::string& docs_mode) {
  std::vector<Fate> fates;
  for (const auto& [key, value] : values) {
    if (key == kRootFolder || key == kTeamDrive) continue;
    if (!is_docs_key(key)) {
      fates.push_back(fate_of(key, value));
    } else if (key.ends_with("_icon")) {
      fates.push_back({.key = key, .value = value, .why = std::string(kIcons)});
    } else if (key == "map_format" || key == "fusion_table_format") {
      fates.push_back({.key = key, .value = value, .why = "these are always links"});
    }
  }
  for (Fate& fate : top_fates(values)) fates.push_back(std::move(fate));
  if (auto docs = docs_fate(values, docs_mode)) fates.push_back(*std::move(docs));
  return fates;
}

MountOptions translate_mount_options(const std::vector<std::string>& options) {
  MountOptions translated;
  for (const std::string& option : options) {
    if (option.starts_with("umask=")) {
      translated.fates.push_back(
          {.key = option, .setting = "umask", .ours = octal(std::string_view(option).substr(6))});
    } else if (option.starts_with("uid=") || option.starts_with("gid=")) {
      translated.fates.push_back({.key = option,
                                  .why = "files belong to who mounts, or to whom they were given",
                                  .loses = true});
    } else if (is_of_libfuse_2(option)) {
      translated.fates.push_back({.key = option, .why = "nothing has to be told about that"});
    } else {
      translated.kernel.push_back(option);
    }
  }
  return translated;
}

}  // namespace driveway::ocamlfuse
