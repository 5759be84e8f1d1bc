// HTTP requests to the models and back: the Open Inference Protocol's endpoints.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/exchange.h"
#include "workloads/inference/protocol/route.h"
#include "workloads/inference/server/service.h"

namespace corun::inference {

class FrontEnd {
 public:
  /// `deadline`: for requests that bring none. All outlive it.
  FrontEnd(Service& service, const http::Metrics& metrics, const Clock& clock, std::string version,
           std::optional<Nanos> deadline)
      : service_(service),
        metrics_(metrics),
        clock_(clock),
        version_(std::move(version)),
        deadline_(deadline) {}

  /// An http::Handler.
  void handle(const http::Request& request, const std::shared_ptr<http::Exchange>& exchange);

 private:
  http::Response answer_about_server(Endpoint endpoint) const;
  void infer(const http::Request& request, BatchServer& model,
             const std::shared_ptr<http::Exchange>& exchange);
  void generate(const http::Request& request, TextServer& model, bool stream,
                const std::shared_ptr<http::Exchange>& exchange);
  std::optional<Instant> deadline(Instant arrival, std::optional<Nanos> timeout) const;

  Service& service_;
  const http::Metrics& metrics_;
  const Clock& clock_;
  std::string version_;
  std::optional<Nanos> deadline_;
};

/// The answer that is an error, with its text.
http::Response error_response(int status, std::string_view text);
/// The answer to a request that a model did not answer.
http::Response response_for(const Refusal& refusal);

}  // namespace corun::inference
