// The methods of the API (drive-api reference 1.2). Each takes its locks itself, throws Refused for
// what Drive refuses, and answers otherwise.
#pragma once

#include "sim/drive/call.h"
#include "sim/drive/upload_sessions.h"

namespace driveway::sim::api {

Reply about_get(Call& call);

Reply files_list(Call& call);
Reply files_get(Call& call);
Reply files_create(Call& call);
Reply files_update(Call& call);
Reply files_copy(Call& call);
Reply files_delete(Call& call);
Reply files_empty_trash(Call& call);
Reply files_generate_ids(Call& call);

Reply files_get_media(Call& call);
Reply files_export(Call& call);

Reply upload_start(Call& call);  // media, multipart, or the start of a session
Reply upload_data(Call& call);   // no token is needed

Reply revisions_list(Call& call);
Reply revisions_get(Call& call);
Reply revisions_get_media(Call& call);
Reply revisions_update(Call& call);
Reply revisions_delete(Call& call);

Reply changes_list(Call& call);
Reply changes_start_page_token(Call& call);

Reply drives_list(Call& call);
Reply drives_get(Call& call);
Reply drives_create(Call& call);
Reply drives_update(Call& call);
Reply drives_delete(Call& call);
Reply drives_hide(Call& call);
Reply drives_unhide(Call& call);

Reply permissions_list(Call& call);
Reply permissions_get(Call& call);
Reply permissions_create(Call& call);
Reply permissions_update(Call& call);
Reply permissions_delete(Call& call);

}  // namespace driveway::sim::api
