#include "workloads/clients/unusable.h"

namespace shaketable {
namespace {

class UnusableClient final : public Client {
 public:
  explicit UnusableClient(std::string why) : why_(std::move(why)) {}
  Result<void> open(Nanos) override { return bad_input(why_); }
  Completion invoke(Name, const Value& value, Nanos) override { return {OpType::fail, value, why_}; }

 private:
  const std::string why_;
};

}  // namespace

std::unique_ptr<Client> unusable_client(const std::string& why) {
  return std::make_unique<UnusableClient>(why);
}

bool asks_for_tls(const ClientSettings& settings) {
  return !settings.ca_file.empty() || !settings.certificate_file.empty() || !settings.key_file.empty();
}

}  // namespace shaketable
