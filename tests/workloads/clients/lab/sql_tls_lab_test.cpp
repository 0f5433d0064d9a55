// The SQL clients over TLS, with certificates of a CA of the test's own, against real servers that take nothing else.

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cluster/lab/lab.h"
#include "cluster/system.h"
#include "history/text.h"
#include "orchestrator/plan/reader.h"
#include "workloads/clients/mariadb.h"
#include "workloads/clients/postgres.h"
#include "workloads/interfaces.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

std::string content_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return std::move(out).str();
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  INFO(what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), by);
}

// ca.crt; server.* for one address, client.*, both signed by it; and other.crt, a CA that signed nothing.
class Certificates {
 public:
  explicit Certificates(const std::string& address) {
    folder_ = (std::filesystem::temp_directory_path() / "shaketable-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(folder_.data()));
    std::ofstream(file("names")) << "subjectAltName=IP:" << address << "\n";
    const std::string script =
        "cd " + folder_ +
        " && exec 2>log >&2\n"
        "authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout $1.key "
        "-out $1.crt -subj /CN=$1 -addext basicConstraints=critical,CA:TRUE; }\n"
        "signed() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr "
        "-subj /CN=shaketable && "
        "openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $1.crt -extfile names; }\n"
        "authority ca && authority other && signed server && signed client && chmod 600 client.key\n";
    const int code = std::system(script.c_str());
    INFO(content_of(file("log")));
    REQUIRE(code == 0);
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

SystemSpec named(const std::string& name) {
  auto spec = read_system(SHAKETABLE_SOURCE_DIR "/configs/systems/" + name + ".yaml");
  INFO((spec ? "" : spec.error().message));
  REQUIRE(spec);
  return *spec;
}

void add_certificates(SystemSpec& spec, const Certificates& certificates, const std::string& owner) {
  for (const char* name : {"ca.crt", "server.crt", "server.key"})
    spec.files[std::string("/etc/shaketable/tls/") + name] = content_of(certificates.file(name));
  spec.setup +=
      fmt::format("\nchown {0}: /etc/shaketable/tls/server.key && chmod 600 /etc/shaketable/tls/server.key\n", owner);
}

// Only TLS with a certificate of the CA's gets in, over any address; this test's looks at health go over the socket.
SystemSpec postgres_with_tls(const Certificates& certificates) {
  SystemSpec spec = named("postgres");
  add_certificates(spec, certificates, "postgres");
  spec.options["settings"] =
      "ssl = on\n"
      "ssl_cert_file = '/etc/shaketable/tls/server.crt'\n"
      "ssl_key_file = '/etc/shaketable/tls/server.key'\n"
      "ssl_ca_file = '/etc/shaketable/tls/ca.crt'\n";
  spec.files["/etc/shaketable/postgres_hba.conf"] =
      "local all all trust\n"
      "hostssl all all 0.0.0.0/0 trust clientcert=verify-ca\n"
      "hostssl all all ::/0 trust clientcert=verify-ca\n";
  spec.healthy = "{{option.bin}}/psql -h {{run}} -U postgres -d postgres -Atqc 'select 1'";
  return spec;
}

SystemSpec mariadb_with_tls(const Certificates& certificates) {
  SystemSpec spec = named("mariadb");
  add_certificates(spec, certificates, "mysql");
  spec.options["settings"] =
      "ssl_cert = /etc/shaketable/tls/server.crt\n"
      "ssl_key = /etc/shaketable/tls/server.key\n"
      "ssl_ca = /etc/shaketable/tls/ca.crt\n"
      "require_secure_transport = ON\n";
  replace(spec.setup, "CREATE USER IF NOT EXISTS shaketable@'%';",
          "CREATE USER IF NOT EXISTS shaketable@'%' REQUIRE X509;");
  spec.healthy = "mariadb --no-defaults -S {{run}}/socket -u root -BN -e 'SELECT 1'";
  return spec;
}

struct Papers {
  std::string ca, certificate, key;
};

// "fine", or what the client said, of a connection and a write and a read over it.
std::string tried(const ClientInfo& info, const std::string& url, const Papers& papers) {
  ClientSettings settings;
  settings.endpoints = {{"n1", url}};
  settings.run = "tls";
  settings.interface = "register";
  settings.workload = Parameters(find_interface("register")->parameters);
  settings.options = Parameters(info.parameters);
  settings.ca_file = papers.ca;
  settings.certificate_file = papers.certificate;
  settings.key_file = papers.key;
  const auto client = info.make(settings);
  if (const auto opened = client->open(20s); !opened) return opened.error().message;
  if (const auto ready = client->setup(20s); !ready) return ready.error().message;
  const Value written = Value::list({1, 5}), asked = Value::list({1, nullptr});
  const Completion write = client->invoke(Name("write"), written, 20s);
  if (write.type != OpType::ok) return "write: " + to_json(write.error);
  const Completion read = client->invoke(Name("read"), asked, 20s);
  if (read.type != OpType::ok) return "read: " + to_json(read.error);
  return read.value == written ? "fine" : "read " + to_json(read.value);
}

void try_papers(const Cluster& cluster, const SystemSpec& spec, const ClientInfo& info,
                const Certificates& certificates) {
  INFO(info.name);
  System system(spec, cluster, true, {});
  SteadyClock clock;
  REQUIRE(error_of(system.set_up()) == "fine");
  REQUIRE(error_of(system.start_all()) == "fine");
  const auto healthy = system.wait_until_healthy(clock, 90s, {});
  INFO((healthy ? "" : healthy.error().message));
  REQUIRE(healthy);
  const std::string url = system.client_url(cluster.node(0)).value();
  const std::string certificate = certificates.file("client.crt"), key = certificates.file("client.key");
  CHECK(tried(info, url, {certificates.file("ca.crt"), certificate, key}) == "fine");
  // A server that the CA did not sign, as far as this client knows.
  const std::string wrong = tried(info, url, {certificates.file("other.crt"), certificate, key});
  CHECK_THAT(wrong, Catch::Contains("certificate"));
  // The right CA, but the certificate is another address's.
  std::string elsewhere = url;
  replace(elsewhere, cluster.node(0).spec().address, "[" + cluster.node(0).spec().address6 + "]");
  const std::string name = tried(info, elsewhere, {certificates.file("ca.crt"), certificate, key});
  CHECK_THAT(name, Catch::Contains("certificate"));
  // Whom the server lets in without papers it does not know.
  const std::string nobody = tried(info, url, {certificates.file("ca.crt"), "", ""});
  CHECK(nobody != "fine");
  CHECK(tried(info, url, {"", "", ""}) != "fine");
  REQUIRE(error_of(system.tear_down()) == "fine");
}

}  // namespace

TEST_CASE("sql clients over TLS: the right papers get in and others do not") {
  if (::geteuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  LabSpec wanted;
  wanted.name = "test-sql-tls-" + std::to_string(::getpid());
  wanted.nodes = 1;
  wanted.packages = named("postgres").packages;
  for (const std::string& package : named("mariadb").packages) wanted.packages.push_back(package);
  auto up = Lab::up(wanted);
  INFO((up ? "" : up.error().message));
  REQUIRE(up);
  const std::shared_ptr<void> down(nullptr, [&](void*) {
    if (const auto done = Lab::down(wanted.name); !done) WARN(done.error().message);
  });
  std::exception_ptr failure;
  std::thread([&] {
    try {
      REQUIRE(Lab::enter_network(wanted.name));
      const Cluster cluster = make_cluster(up->nodes);
      REQUIRE(error_of(cluster.connect()) == "fine");
      const Certificates certificates(cluster.node(0).spec().address);
      if (const ClientInfo info = postgres_client(); info.make)
        try_papers(cluster, postgres_with_tls(certificates), info, certificates);
      if (const ClientInfo info = mariadb_client(); info.make)
        try_papers(cluster, mariadb_with_tls(certificates), info, certificates);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}
