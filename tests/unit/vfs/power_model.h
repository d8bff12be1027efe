// What a crash of the machine may leave of files: the model that power_test.cc compares with.
//
// The model numbers what a program does, in steps. `promised`: the last step that a returned fsync
// stands behind: all names are as they were at one step from then on. A file that was synced itself
// has each byte as it was at that time or later; of others bytes may also be missing, and then
// reading them fails: no byte is one that nobody wrote (D2).
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace driveway::vfs {

// What was found: bytes of a file by its path, nothing where reading it fails because they did not
// reach the disk; folders apart.
struct FoundTree {
  std::map<std::string, std::optional<std::string>> files;
  std::map<std::string, std::string> errors;   // of these
  std::map<std::string, std::size_t> folders;  // how many are shown with that name
};

class PowerModel {
 public:
  struct File {
    struct Version {
      std::string bytes;
      std::optional<std::size_t> acknowledged{};  // the step
      std::optional<std::size_t> synced{};        // by an fsync of the file: the step
    };
    std::vector<Version> versions;
    std::string bytes;  // of now
  };
  using FilePtr = std::shared_ptr<File>;
  // Null: a folder.
  using Names = std::map<std::string, FilePtr>;

  PowerModel() { steps_.emplace_back(); }

  std::size_t step() const { return steps_.size() - 1; }
  const Names& names() const { return steps_.back(); }
  FilePtr file(const std::string& path) const {
    const auto found = names().find(path);
    return found == names().end() ? nullptr : found->second;
  }

  void add(const std::string& path, FilePtr file) {
    Names next = names();
    next[path] = std::move(file);
    steps_.push_back(std::move(next));
  }
  void remove(const std::string& path) {
    Names next = names();
    next.erase(path);
    steps_.push_back(std::move(next));
  }
  // With what is below it.
  void rename(const std::string& from, const std::string& to) {
    Names next;
    for (const auto& [path, file] : names()) {
      if (path == to) continue;
      const bool moves = path == from || path.starts_with(from + "/");
      next[moves ? to + path.substr(from.size()) : path] = file;
    }
    steps_.push_back(std::move(next));
  }
  // What was written until now has been acknowledged.
  void acknowledge(File& file, bool by_fsync) {
    steps_.push_back(names());
    file.versions.push_back({file.bytes, step(), by_fsync ? std::optional(step()) : std::nullopt});
  }
  // It was written to: no step of its own.
  static void wrote(File& file, std::string bytes) {
    file.bytes = std::move(bytes);
    file.versions.push_back({file.bytes});
  }

  // Why `found` is not what a crash may leave; empty: it is.
  std::string fault_of(const FoundTree& found, std::size_t promised) const {
    std::string names_wrong;
    std::string bytes_wrong;
    for (std::size_t at = promised; at < steps_.size(); ++at) {
      if (std::string fault = names_fault(found, at); !fault.empty()) {
        names_wrong = cat("at step ", at, ": ", fault);
        continue;
      }
      const std::string fault = bytes_fault(found, steps_[at], promised);
      if (fault.empty()) return {};
      if (bytes_wrong.empty()) bytes_wrong = cat("at step ", at, ": ", fault);
    }
    return cat(bytes_wrong.empty() ? names_wrong : bytes_wrong, " (promised: step ", promised,
               " of ", step(), "; there is ", text_of(found), ")");
  }
  // The bytes that Drive may have of the path: some version of it.
  bool may_be_in_drive(const std::string& path, const std::string& bytes) const {
    for (const Names& names : steps_) {
      const auto found = names.find(path);
      if (found == names.end() || found->second == nullptr) continue;
      for (const auto& version : found->second->versions) {
        if (version.bytes == bytes) return true;
      }
    }
    return false;
  }

 private:
  static std::string text_of(const FoundTree& found) {
    std::string text;
    for (const auto& [path, count] : found.folders) text += cat(path, "/ ");
    for (const auto& [path, bytes] : found.files) {
      text += cat(path, ":", bytes ? cat(bytes->size()) : found.errors.at(path), " ");
    }
    return text;
  }

  static bool is_acknowledged(const File& file, std::size_t step) {
    return std::any_of(file.versions.begin(), file.versions.end(), [step](const auto& version) {
      return version.acknowledged && *version.acknowledged <= step;
    });
  }
  // The newest version that an fsync of the file stands behind.
  static std::optional<std::size_t> promised_version(const File& file, std::size_t promised) {
    std::optional<std::size_t> newest;
    for (std::size_t i = 0; i < file.versions.size(); ++i) {
      const auto& synced = file.versions[i].synced;
      if (synced && *synced <= promised) newest = i;
    }
    return newest;
  }

  std::string names_fault(const FoundTree& found, std::size_t at) const {
    const Names& names = steps_[at];
    for (const auto& [path, file] : names) {
      const bool is_there =
          file == nullptr ? found.folders.contains(path) : found.files.contains(path);
      // What was made, and nothing was acknowledged of, may lie beside it only (J4).
      const bool must_be_there = file == nullptr || is_acknowledged(*file, at);
      if (!is_there && must_be_there) return cat(path, " is missing");
    }
    for (const auto& [path, count] : found.folders) {
      if (!names.contains(path)) return cat("the folder ", path, " is there");
      if (count != 1) return cat(path, " is there ", count, " times");
    }
    for (const auto& [path, bytes] : found.files) {
      if (!names.contains(path)) return cat("the file ", path, " is there");
    }
    return {};
  }

  static std::string bytes_fault(const FoundTree& found, const Names& names, std::size_t promised) {
    for (const auto& [path, file] : names) {
      const auto there = found.files.find(path);
      if (file == nullptr || there == found.files.end()) continue;
      const auto first = promised_version(*file, promised);
      if (!there->second) {
        const bool had_bytes = first && !file->versions[*first].bytes.empty();
        if (had_bytes) return cat(path, " cannot be read");
        continue;
      }
      if (!first && there->second->empty()) continue;  // it was only made
      const std::string fault = mixture_fault(*file, first.value_or(0), *there->second);
      if (!fault.empty()) return cat(path, ": ", fault);
    }
    return {};
  }

  // Each byte must be of a version from `first` on, and the size as well.
  static std::string mixture_fault(const File& file, std::size_t first, const std::string& found) {
    bool size_is_known = false;
    std::vector<bool> is_known(found.size());
    for (std::size_t i = first; i < file.versions.size(); ++i) {
      const std::string& bytes = file.versions[i].bytes;
      if (bytes == found) return {};
      size_is_known = size_is_known || bytes.size() == found.size();
      for (std::size_t at = 0; at < std::min(bytes.size(), found.size()); ++at) {
        if (bytes[at] == found[at]) is_known[at] = true;
      }
    }
    if (!size_is_known) return cat(found.size(), " bytes, as never");
    for (std::size_t at = 0; at < found.size(); ++at) {
      if (!is_known[at]) {
        return cat("byte ", at, " of ", found.size(), " is of no version since ", first, " of ",
                   file.versions.size());
      }
    }
    return {};
  }

  std::vector<Names> steps_;
};

}  // namespace driveway::vfs
