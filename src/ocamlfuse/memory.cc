#include "ocamlfuse/memory.h"

#include <algorithm>

#include "base/file.h"
#include "base/secret.h"
#include "base/strings.h"

namespace driveway::ocamlfuse {
namespace {

// As names of stored logins are (auth/login_store.h): the label is one.
bool is_label(const std::string& label) {
  return !label.empty() && label.size() <= 100 && label.front() != '.' && label.front() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-@+").find(c) != std::string_view::npos;
         });
}

}  // namespace

Result<Memory> Memory::open(const std::filesystem::path& config_folder, const std::string& label) {
  if (!is_label(label)) {
    return Error{ErrorCode::kInvalidArgument,
                 cat("'", label, "' cannot be a label: letters, digits and . _ - @ +")};
  }
  Memory memory(config_folder / "ocamlfuse" / label);
  auto kept = auth::GdfuseConfig::read(memory.path_);
  if (kept.ok()) {
    memory.values_ = kept->values();
  } else if (!kept.failed_with(ErrorCode::kNotFound)) {
    return kept.error();
  }
  return memory;
}

std::string Memory::text(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? "" : found->second;
}

void Memory::set(const std::string& key, const std::string& value) {
  if (value.empty() || text(key) == value) return;
  values_[key] = value;
  changed_ = true;
}

void Memory::forget(const std::string& key) { changed_ = values_.erase(key) > 0 || changed_; }

Status Memory::save() {
  if (!changed_) return {};
  std::string lines;
  for (const auto& [key, value] : values_) {
    if (value.find('\n') != std::string::npos) {
      return Error{ErrorCode::kInvalidArgument, cat("the value of ", key, " has two lines")};
    }
    lines += cat(key, "=", value, "\n");
  }
  DRIVEWAY_CHECK(make_private_directory(path_.parent_path(), 0700));
  const Secret content(std::move(lines));
  DRIVEWAY_CHECK(write_file_atomically(path_, content.reveal(), 0600));
  changed_ = false;
  return {};
}

}  // namespace driveway::ocamlfuse
