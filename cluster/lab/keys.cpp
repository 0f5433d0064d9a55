#include "cluster/lab/keys.h"

#include <libssh/libssh.h>
#include <sys/stat.h>

#include <memory>

namespace shaketable::lab {

Result<std::string> make_key_pair(const std::string& path) {
  ssh_key made = nullptr;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &made) != SSH_OK)
    return infrastructure("libssh cannot make an ed25519 key");
  const std::unique_ptr<ssh_key_struct, void (*)(ssh_key)> key(made, ssh_key_free);
  const mode_t old = umask(0077);
  const int written = ssh_pki_export_privkey_file(key.get(), nullptr, nullptr, nullptr, path.c_str());
  umask(old);
  if (written != SSH_OK) return infrastructure("cannot write the key " + path + " (is the disk full?)");
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK)
    return infrastructure("libssh cannot export the public key of " + path);
  std::string line = std::string("ssh-ed25519 ") + text;
  ssh_string_free_char(text);
  return line;
}

}  // namespace shaketable::lab
