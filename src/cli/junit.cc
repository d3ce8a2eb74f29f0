#include "cli/junit.h"

#include <pugixml.hpp>

#include <algorithm>
#include <sstream>

namespace rqsim {
namespace {

// XML 1.0 has no place for control characters, however written.
std::string Printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 || c == '\n' || c == '\t') out += c;
  }
  return out;
}

void Count(pugi::xml_node node, const std::vector<const TestCase*>& cases) {
  const auto failures = std::count_if(cases.begin(), cases.end(),
                                      [](const TestCase* one) { return !one->failure.empty(); });
  node.append_attribute("tests") = static_cast<unsigned long long>(cases.size());
  node.append_attribute("failures") = static_cast<long long>(failures);
  node.append_attribute("errors") = 0;
}

}  // namespace

std::string JUnitXml(const std::vector<TestCase>& cases) {
  std::vector<const TestCase*> all;
  for (const TestCase& one : cases) all.push_back(&one);
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node suites = document.append_child("testsuites");
  suites.append_attribute("name") = "rqsim";
  Count(suites, all);
  // Cases of one file follow one another: a suite for each file.
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end]->file == all[i]->file) ++end;
    pugi::xml_node suite = suites.append_child("testsuite");
    suite.append_attribute("name") = Printable(all[i]->file).c_str();
    Count(suite, {all.begin() + static_cast<std::ptrdiff_t>(i),
                  all.begin() + static_cast<std::ptrdiff_t>(end)});
    for (; i < end; ++i) {
      pugi::xml_node node = suite.append_child("testcase");
      node.append_attribute("classname") = Printable(all[i]->file).c_str();
      node.append_attribute("name") =
          all[i]->set.empty() ? "scenario" : Printable(all[i]->set).c_str();
      node.append_attribute("assertions") = all[i]->statements;
      if (all[i]->failure.empty()) continue;
      const std::string text = Printable(all[i]->failure);
      pugi::xml_node failure = node.append_child("failure");
      failure.append_attribute("message") = text.substr(0, text.find('\n')).c_str();
      failure.text() = text.c_str();
    }
  }
  std::ostringstream out;
  document.save(out, "  ");
  return out.str();
}

}  // namespace rqsim
