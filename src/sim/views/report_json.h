// The pages of `rqsim report`, each a row of one table: a name, what it needs, and how it is
// written as text and as JSON. A further page is a row here.
#ifndef RQSIM_SIM_VIEWS_REPORT_JSON_H_
#define RQSIM_SIM_VIEWS_REPORT_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "rqsim/result.h"

namespace rqsim {

struct ReportView {
  std::string_view name;
  std::string_view summary;  // one line
  bool needs_dispatches;     // … of the result, which `run --timeline` stores
  std::string (*text)(const Result& result);
  nlohmann::ordered_json (*json)(const Result& result);  // lengths and instants in cycles
};

std::span<const ReportView> ReportViews();
// Null if there is none of that name.
const ReportView* FindReportView(std::string_view name);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_REPORT_JSON_H_
