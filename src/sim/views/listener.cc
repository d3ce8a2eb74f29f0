#include "rqsim/listener.h"

namespace rqsim {

void Listener::OnStart(const RunInfo& /*info*/, ViolationSink& /*sink*/) {}

void Listener::OnEnd(const RunEnd& /*end*/) {}

}  // namespace rqsim
