// What is to be changed, as the JSON and the parameters of a request (drive-api reference 2, 5.6,
// 9). Private to drive/. Pure, thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "drive/edit.h"
#include "drive/mime.h"
#include "drive/query.h"

namespace driveway::drive {

// The metadata of a new item. Errors: kInvalidArgument (no parent, a kind that cannot be made, a
// MIME type that would make Drive convert the content, text that is not UTF-8).
Result<std::string> metadata_of(const NewItem& item);
// The metadata of a copy: it has its source's MIME type. Errors: as metadata_of.
Result<std::string> copy_metadata_of(const NewItem& item);
// The metadata of a change. Errors: kInvalidArgument (as above; a MIME type without a content).
Result<std::string> metadata_of(const ItemPatch& patch, bool with_content);

// The parameters of every request that gives an item, and those that the change asks for.
Parameters parameters_of(const NewItem& item);
Parameters parameters_of(const ItemPatch& patch);

}  // namespace driveway::drive
