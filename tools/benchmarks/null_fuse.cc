// A FUSE file system that does as little as one can: what is written goes by pwrite(2) to a file of
// the same name in FOLDER, and is answered. The measure for how soon a write can return.
//
//   null_fuse MOUNTPOINT FOLDER
#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

std::string folder;
std::mutex mutex;
std::map<std::string, fuse_ino_t> inodes;  // of names
std::map<fuse_ino_t, std::string> names;

std::string path_of(fuse_ino_t inode) {
  const std::lock_guard lock(mutex);
  return inode == FUSE_ROOT_ID ? folder : folder + "/" + names[inode];
}

bool entry_of(const char* name, fuse_entry_param& entry) {
  entry = {};
  if (::stat((folder + "/" + name).c_str(), &entry.attr) != 0) return false;
  const std::lock_guard lock(mutex);
  const auto [found, added] = inodes.emplace(name, inodes.size() + 2);
  names[found->second] = name;
  entry.ino = entry.attr.st_ino = found->second;
  entry.attr_timeout = entry.entry_timeout = 3600;
  return true;
}

void on_lookup(fuse_req_t req, fuse_ino_t, const char* name) {
  fuse_entry_param entry;
  if (entry_of(name, entry)) {
    fuse_reply_entry(req, &entry);
  } else {
    fuse_reply_err(req, ENOENT);
  }
}

void on_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info*) {
  struct stat attributes;
  if (::stat(path_of(inode).c_str(), &attributes) != 0) {
    fuse_reply_err(req, errno);
    return;
  }
  attributes.st_ino = inode;
  fuse_reply_attr(req, &attributes, 3600);
}

void on_setattr(fuse_req_t req, fuse_ino_t inode, struct stat* wanted, int what,
                fuse_file_info* info) {
  if ((what & FUSE_SET_ATTR_SIZE) != 0 &&
      ::truncate(path_of(inode).c_str(), wanted->st_size) != 0) {
    fuse_reply_err(req, errno);
    return;
  }
  on_getattr(req, inode, info);
}

void on_create(fuse_req_t req, fuse_ino_t, const char* name, mode_t mode, fuse_file_info* info) {
  const int fd = ::open((folder + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode);
  fuse_entry_param entry;
  if (fd < 0 || !entry_of(name, entry)) {
    fuse_reply_err(req, errno);
    return;
  }
  info->fh = static_cast<std::uint64_t>(fd);
  fuse_reply_create(req, &entry, info);
}

void on_open(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  const int fd = ::open(path_of(inode).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    fuse_reply_err(req, errno);
    return;
  }
  info->fh = static_cast<std::uint64_t>(fd);
  fuse_reply_open(req, info);
}

void on_write(fuse_req_t req, fuse_ino_t, const char* data, std::size_t size, off_t offset,
              fuse_file_info* info) {
  const ssize_t count = ::pwrite(static_cast<int>(info->fh), data, size, offset);
  if (count < 0) {
    fuse_reply_err(req, errno);
  } else {
    fuse_reply_write(req, static_cast<std::size_t>(count));
  }
}

void on_flush(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }

void on_release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  ::close(static_cast<int>(info->fh));
  fuse_reply_err(req, 0);
}

void on_getxattr(fuse_req_t req, fuse_ino_t, const char*, std::size_t) {
  fuse_reply_err(req, ENODATA);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "null_fuse MOUNTPOINT FOLDER\n");
    return 2;
  }
  folder = argv[2];
  fuse_lowlevel_ops operations{};
  operations.lookup = on_lookup;
  operations.getattr = on_getattr;
  operations.setattr = on_setattr;
  operations.create = on_create;
  operations.open = on_open;
  operations.write = on_write;
  operations.flush = on_flush;
  operations.release = on_release;
  operations.getxattr = on_getxattr;
  char* words[] = {argv[0], const_cast<char*>("-ofsname=null,subtype=null"), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(2, words);
  fuse_session* session = fuse_session_new(&arguments, &operations, sizeof operations, nullptr);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0 ||
      fuse_session_mount(session, argv[1]) != 0) {
    return 1;
  }
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, 4);
  const int ended = fuse_session_loop_mt(session, config);
  fuse_loop_cfg_destroy(config);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return ended == 0 ? 0 : 1;
}
