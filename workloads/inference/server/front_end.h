// HTTP requests to the models and back: the Open Inference Protocol's endpoints.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "workloads/inference/http/exchange.h"
#include "workloads/inference/protocol/route.h"
#include "workloads/inference/server/service.h"

namespace corun::inference {

class FrontEnd {
 public:
  /// `deadline`: for requests that bring none. All outlive it.
  FrontEnd(Service& service, const HttpMetrics& metrics, const Clock& clock, std::string version,
           std::optional<Nanos> deadline)
      : service_(service),
        metrics_(metrics),
        clock_(clock),
        version_(std::move(version)),
        deadline_(deadline) {}

  /// An HttpHandler.
  void handle(HttpRequest request, std::shared_ptr<Exchange> exchange);

 private:
  HttpResponse answer_about_server(Endpoint endpoint) const;
  void infer(HttpRequest request, BatchServer& model, std::shared_ptr<Exchange> exchange);
  void generate(const HttpRequest& request, TextServer& model, bool stream,
                std::shared_ptr<Exchange> exchange);
  std::optional<Instant> deadline(Instant arrival, std::optional<Nanos> timeout) const;

  Service& service_;
  const HttpMetrics& metrics_;
  const Clock& clock_;
  std::string version_;
  std::optional<Nanos> deadline_;
};

/// The answer to a request that a model did not answer.
HttpResponse response_for(const Refusal& refusal);

}  // namespace corun::inference
