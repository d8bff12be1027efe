// Create, update, copy, move, trash, delete: what changes files (drive-api reference 2, 5, 8, 9).
//
// All functions want the World's mutex held alone, throw Refused, and change nothing when they do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/drive/file_edit.h"
#include "sim/drive/sim_state.h"

namespace driveway::sim {

struct WriteOptions {
  bool supports_all_drives = false;
  bool keep_revision_forever = false;
  std::vector<std::string> add_parents;  // of update
  std::vector<std::string> remove_parents;
};

// Bytes that come with a create or an update.
struct NewContent {
  ContentPtr content;
  std::string type;  // Content-Type of the media; "" = not stated
};

// What can be refused before the bytes are there: the checks of create_file and update_file.
// `size`: of the coming content, if it is known.
void check_create(SimState& state, const Viewer& viewer, const FileEdit& edit,
                  const WriteOptions& options, bool with_media, std::optional<Bytes> size);
void check_update(SimState& state, const Viewer& viewer, const std::string& id,
                  const FileEdit& edit, const WriteOptions& options, bool with_media,
                  std::optional<Bytes> size);

ItemPtr create_file(SimState& state, const Viewer& viewer, const FileEdit& edit,
                    const WriteOptions& options, const std::optional<NewContent>& media);
ItemPtr update_file(SimState& state, const Viewer& viewer, const std::string& id,
                    const FileEdit& edit, const WriteOptions& options,
                    const std::optional<NewContent>& media);
ItemPtr copy_file(SimState& state, const Viewer& viewer, const std::string& id,
                  const FileEdit& edit, const WriteOptions& options);
void delete_file(SimState& state, const Viewer& viewer, const std::string& id,
                 const WriteOptions& options);
// Of My Drive, or of one shared drive.
void empty_trash(SimState& state, const Viewer& viewer, const std::string& drive_id);

}  // namespace driveway::sim
