// What the conformance suite runs in: a store under test, and a second client that makes the
// content and changes it, so that nothing is proved by the store's own word.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drive/method.h"
#include "drive/remote_store.h"

namespace driveway::drive {

class World {
 public:
  virtual ~World() = default;

  virtual RemoteStore& store() = 0;
  virtual Clock& clock() = 0;
  // A folder of this test alone: other tests may share the Drive.
  virtual FileId base() = 0;

  // Each fails the test where the second client fails.
  virtual FileId add_folder(const FileId& parent, const std::string& name) = 0;
  virtual FileId add_file(const FileId& parent, const std::string& name,
                          const std::string& content) = 0;
  // `count` empty files "f0", "f1" …
  virtual void add_empty_files(const FileId& parent, int count) = 0;
  virtual FileId add_shortcut(const FileId& parent, const std::string& name,
                              const FileId& target) = 0;
  // A native text document that can be exported as text/plain.
  virtual FileId add_document(const FileId& parent, const std::string& name) = 0;
  virtual DriveId add_shared_drive(const std::string& name) = 0;
  // A file of another account, shared with ours; it has no parent that we see.
  virtual FileId add_shared_with_me(const std::string& name, const std::string& content) = 0;

  virtual void rename(const FileId& id, const std::string& name) = 0;
  virtual void move(const FileId& id, const FileId& from, const FileId& to) = 0;
  virtual void set_content(const FileId& id, const std::string& content) = 0;
  virtual void set_properties(const FileId& id,
                              const std::map<std::string, std::string>& properties) = 0;
  virtual void trash(const FileId& id) = 0;
  virtual void untrash(const FileId& id) = 0;
  virtual void remove(const FileId& id) = 0;
  // The bytes of a file, as the second client reads them.
  virtual std::string content(const FileId& id) = 0;

  // What follows lasts as long as this world, or until it is set again.

  // The account's storage is full after so many bytes more.
  virtual void set_storage_left(Bytes left) = 0;
  virtual void set_upload_quota_exhausted(bool exhausted) = 0;
  // The next call that changes anything, which is one of `method`, is carried out, but its answer
  // is lost.
  virtual void lose_next_answer(Method method) = 0;
  // The next send() breaks off in the middle.
  virtual void cut_next_send() = 0;
  // Drive does not know the session any more.
  virtual void lose_upload(const UploadSession& session) = 0;
};

// One implementation of RemoteStore under test.
struct Subject {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
  friend void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }
};

}  // namespace driveway::drive
