// What native Docs export to (drive-api reference 8.1): small real files made of the Doc's text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/drive/model.h"

namespace driveway::sim {

// guide "limits": the cap of files.export.
inline constexpr std::size_t kExportLimit = 10 * 1000 * 1000;

// Where exportLinks lead, on the host that was asked: downloads without the cap, with the same
// token (drive-api reference 4).
inline constexpr std::string_view kExportLinkPath = "/feeds/download/documents/export/Export";

// The types that a Doc of `doc_mime` exports to; empty where there are none.
const std::vector<std::string>& export_formats(std::string_view doc_mime);
// The native types that have exports, for about.exportFormats.
const std::vector<std::string>& exportable_types();
// The first text of each pair imports to the second: about.importFormats.
const std::vector<std::pair<std::string, std::string>>& import_formats();

// The bytes of `title` and `text` as `target_mime`, one of export_formats. Archives carry the time
// of the export, so two exports of one Doc differ, as Drive's do (reference 4).
std::string export_document(std::string_view doc_mime, std::string_view title,
                            std::string_view text, std::string_view target_mime, Ms now);

}  // namespace driveway::sim
