#include "cli/gdfuse_cache.h"

#include <string>

#include "auth/gdfuse_config.h"
#include "base/strings.h"
#include "rescue/old_cache.h"

namespace driveway::cli {
namespace {

namespace fs = std::filesystem;

bool has_database(const fs::path& folder) {
  std::error_code unknown;
  return fs::exists(folder / rescue::kOldDatabase, unknown);
}

fs::path cache_folder(const auth::GdfusePlace& place, const auth::Environment& environment,
                      const auth::GdfuseConfig& config) {
  const bool names_one =
      !config.text("cache_directory").empty() || !config.text("data_directory").empty();
  if (!place.config.empty() && !names_one) {
    if (const fs::path beside = place.config.parent_path() / "cache"; has_database(beside)) {
      return beside;
    }
  }
  return auth::gdfuse_cache_folder(place, environment, config);
}

Error no_cache(const auth::GdfusePlace& place, const auth::Environment& environment,
               const fs::path& config, bool has_config, const fs::path& folder) {
  const std::string database = (folder / rescue::kOldDatabase).native();
  if (has_config) {
    return Error{ErrorCode::kNotFound,
                 cat("there is no '", database, "': '", place.label,
                     "' was never mounted here, or its cache was cleared. If the cache is "
                     "elsewhere, name the config that says so with --config")};
  }
  std::string labels;
  for (const std::string& label : auth::gdfuse_labels(place, environment)) {
    labels += cat(labels.empty() ? "" : ", ", label);
  }
  return Error{ErrorCode::kNotFound,
               cat("there is neither '", config.native(), "' nor '", database, "': ",
                   labels.empty() ? "google-drive-ocamlfuse has no label here"
                                  : cat("the labels here are: ", labels))};
}

}  // namespace

Result<fs::path> find_gdfuse_cache(const auth::GdfusePlace& place,
                                   const auth::Environment& environment) {
  DRIVEWAY_CHECK(auth::check_gdfuse_label(place.label));
  const fs::path path = auth::gdfuse_config_path(place, environment);
  auto config = auth::GdfuseConfig::read(path);
  const bool has_config = !config.failed_with(ErrorCode::kNotFound);
  if (!has_config) config = auth::GdfuseConfig::parse("", path.native());
  if (!config.ok()) return std::move(config).error();
  const fs::path folder = cache_folder(place, environment, *config);
  if (has_database(folder)) return folder;
  return no_cache(place, environment, path, has_config, folder);
}

}  // namespace driveway::cli
