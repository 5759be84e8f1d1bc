#include "workloads/inference/server/front_end.h"

#include <fmt/format.h>

#include <charconv>

#include "core/text.h"
#include "workloads/inference/protocol/infer_response.h"

namespace corun::inference {

namespace {

constexpr std::string_view kEvents = "text/event-stream; charset=utf-8";

http::Response json(int status, std::string body) {
  return {.status = status, .body = std::move(body), .headers = {}};
}

int status_of(Reason reason) {
  switch (reason) {
    case Reason::kNotReady:
    case Reason::kDraining:
      return 503;
    case Reason::kFull:
      return 429;
    case Reason::kExpired:
      return 504;
    case Reason::kFailed:
      return 500;
  }
  return 500;
}

/// Inference-Header-Content-Length as a number; nothing: there is no such header.
Result<std::optional<uint64_t>> json_length(const http::Request& request) {
  const auto given = request.header("Inference-Header-Content-Length");
  if (!given) return std::optional<uint64_t>();
  const std::string text(*given);
  uint64_t length = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (code == std::errc() && end == text.data() + text.size() && !text.empty()) {
    return std::optional<uint64_t>(length);
  }
  return usage_error(
      fmt::format("Inference-Header-Content-Length is '{}', which is no length", one_line(text)));
}

http::Response infer_response(const Signature& signature, const InferRequest& request,
                              const InferOutcome& outcome) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return response_for(*refusal);
  auto body = infer_body(signature, request.id, request.outputs, std::get<Outputs>(outcome));
  if (!body) return error_response(400, body.error().text());
  http::Response response = json(200, std::move(body->bytes));
  if (body->json_bytes) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Inference-Header-Content-Length",
                                  std::to_string(*body->json_bytes));
  }
  return response;
}

/// The answer to generate: all tokens, once the last one is there.
class WholeText {
 public:
  WholeText(const Signature& signature, std::optional<std::string> id)
      : signature_(signature), id_(std::move(id)) {}

  void token(const std::string& text) { text_ += text; }
  void end(const std::optional<Refusal>& refusal, http::Exchange& exchange) {
    exchange.answer(refusal ? response_for(*refusal)
                            : json(200, generate_body(signature_, id_, text_)));
  }

 private:
  const Signature& signature_;
  std::optional<std::string> id_;
  std::string text_;
};

/// The answer to generate_stream: an event a token.
class EventStream {
 public:
  EventStream(const Signature& signature, std::optional<std::string> id)
      : signature_(signature), id_(std::move(id)) {}

  void token(const std::string& text, http::Exchange& exchange) {
    if (!std::exchange(begun_, true)) exchange.begin_stream(kEvents);
    exchange.stream(sse_event(generate_body(signature_, id_, text)));
  }
  void end(const std::optional<Refusal>& refusal, http::Exchange& exchange) {
    if (!begun_) {
      // A job ends without a token only when it was refused.
      return exchange.answer(response_for(refusal.value_or(Refusal{})));
    }
    if (refusal) exchange.stream(sse_event(error_body(refusal->text)));
    exchange.end_stream();
  }

 private:
  const Signature& signature_;
  std::optional<std::string> id_;
  bool begun_ = false;
};

}  // namespace

http::Response error_response(int status, std::string_view text) {
  return json(status, error_body(text));
}

http::Response response_for(const Refusal& refusal) {
  http::Response response = error_response(status_of(refusal.reason), refusal.text);
  if (refusal.reason == Reason::kFull) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(refusal.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(std::max<int64_t>(seconds, 1)));
  }
  return response;
}

void FrontEnd::handle(const http::Request& request,
                      const std::shared_ptr<http::Exchange>& exchange) {
  const std::optional<Route> route = parse_target(request.target);
  if (!route) return exchange->answer(error_response(404, "there is nothing at " + request.target));
  const std::string_view method = method_of(route->endpoint);
  if (request.method != method) {
    http::Response response = error_response(
        405, fmt::format("{} does not take {}; use {}", request.target, request.method, method));
    response.headers.emplace_back("Allow", method);
    return exchange->answer(std::move(response));
  }
  if (route->model.empty()) return exchange->answer(answer_about_server(route->endpoint));
  const auto served = service_.find(route->model, route->version);
  if (!served) {
    const std::string version = route->version ? " in version '" + *route->version + "'" : "";
    return exchange->answer(
        error_response(404, fmt::format("there is no model '{}'{}", route->model, version)));
  }
  ModelThread& thread = Service::thread_of(*served);
  const Signature& signature = thread.signature();
  const bool ready = thread.ready();
  auto* const* batch = std::get_if<BatchServer*>(&*served);
  auto* const* text = std::get_if<TextServer*>(&*served);
  switch (route->endpoint) {
    case Endpoint::kModelMetadata:
      return exchange->answer(json(200, model_metadata(signature)));
    case Endpoint::kModelReady:
      return exchange->answer(json(ready ? 200 : 503, model_ready(signature, ready)));
    case Endpoint::kInfer:
      if (batch != nullptr) return infer(request, **batch, exchange);
      return exchange->answer(error_response(
          400, fmt::format("model '{}' generates text; use generate", signature.name)));
    case Endpoint::kGenerate:
    case Endpoint::kGenerateStream:
      if (text != nullptr) {
        return generate(request, **text, route->endpoint == Endpoint::kGenerateStream, exchange);
      }
      return exchange->answer(error_response(
          400, fmt::format("model '{}' generates no text; use infer", signature.name)));
    case Endpoint::kServerMetadata:
    case Endpoint::kServerLive:
    case Endpoint::kServerReady:
    case Endpoint::kMetrics:
      return;  // answered above: they name no model
  }
}

http::Response FrontEnd::answer_about_server(Endpoint endpoint) const {
  if (endpoint == Endpoint::kServerMetadata) return json(200, server_metadata(version_));
  if (endpoint == Endpoint::kServerLive) return json(200, server_health("live", true));
  if (endpoint == Endpoint::kServerReady) {
    const bool ready = service_.ready();
    return json(ready ? 200 : 503, server_health("ready", ready));
  }
  http::Response response;
  response.content_type = "text/plain; version=0.0.4";
  response.body = prometheus_text(metrics_, service_.metrics());
  return response;
}

std::optional<Instant> FrontEnd::deadline(Instant arrival, std::optional<Nanos> timeout) const {
  const std::optional<Nanos> limit = timeout ? timeout : deadline_;
  return limit ? std::optional(arrival + *limit) : std::nullopt;
}

void FrontEnd::infer(const http::Request& request, BatchServer& model,
                     const std::shared_ptr<http::Exchange>& exchange) {
  InferJob job;
  job.arrival = clock_.now();
  const auto length = json_length(request);
  if (!length) return exchange->answer(error_response(400, length.error().text()));
  auto parsed = parse_infer_request(request.body, *length);
  if (!parsed) return exchange->answer(error_response(400, parsed.error().text()));
  const auto rows = fit_to_model(model.signature(), *parsed);
  if (!rows) return exchange->answer(error_response(400, rows.error().text()));
  job.rows = *rows;
  job.deadline = deadline(job.arrival, parsed->timeout);
  job.request = std::move(*parsed);
  job.client = exchange;
  // The answer's text is made on the connection's thread: the model's thread has its next batch.
  job.done = [exchange, &signature = model.signature()](InferRequest asked, InferOutcome outcome) {
    exchange->post([exchange, &signature, asked = std::move(asked), outcome = std::move(outcome)] {
      exchange->answer(infer_response(signature, asked, outcome));
    });
  };
  if (auto refusal = model.submit(std::move(job))) exchange->answer(response_for(*refusal));
}

void FrontEnd::generate(const http::Request& request, TextServer& model, bool stream,
                        const std::shared_ptr<http::Exchange>& exchange) {
  TextJob job;
  job.arrival = clock_.now();
  auto parsed = parse_generate_request(request.body);
  if (!parsed) return exchange->answer(error_response(400, parsed.error().text()));
  if (const Status fits = model.check(*parsed); !fits) {
    return exchange->answer(error_response(400, fits.error().text()));
  }
  job.deadline = deadline(job.arrival, parsed->timeout);
  job.client = exchange;
  if (stream) {
    const auto events = std::make_shared<EventStream>(model.signature(), parsed->id);
    job.token = [exchange, events](std::string text) {
      exchange->post(
          [exchange, events, text = std::move(text)] { events->token(text, *exchange); });
    };
    job.end = [exchange, events](const std::optional<Refusal>& refusal) {
      exchange->post([exchange, events, refusal] { events->end(refusal, *exchange); });
    };
  } else {
    const auto whole = std::make_shared<WholeText>(model.signature(), parsed->id);
    job.token = [whole](const std::string& text) { whole->token(text); };
    job.end = [exchange, whole](const std::optional<Refusal>& refusal) {
      exchange->post([exchange, whole, refusal] { whole->end(refusal, *exchange); });
    };
  }
  job.request = std::move(*parsed);
  if (auto refusal = model.submit(std::move(job))) exchange->answer(response_for(*refusal));
}

}  // namespace corun::inference
