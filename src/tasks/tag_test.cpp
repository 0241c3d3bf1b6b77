#include "tasks/tag.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/error.h"

namespace gaze {
namespace {

double sum(const Tags& tags) {
  double all = tags.none;
  for (const double probability : tags.probabilities) all += probability;
  return all;
}

TEST(TagTest, LabelsAndNoneCompete) {
  const double everyday[] = {1, 3, 1, 3};  // mean 2, standard deviation 1: none at 4
  const double one[] = {4};
  const Tags even = tags_of(one, everyday, false);
  EXPECT_NEAR(even.none, 0.5, 1e-12);
  EXPECT_NEAR(even.probabilities[0], 0.5, 1e-12);
  const double several[] = {4, 4, 4};  // as likely beforehand as all three together
  EXPECT_NEAR(tags_of(several, everyday, false).none, 0.5, 1e-12);
  const double best[] = {2, 9, 3};
  const Tags sure = tags_of(best, everyday, false);
  EXPECT_NEAR(sum(sure), 1, 1e-12);
  EXPECT_GT(sure.probabilities[1], 0.97);
  EXPECT_NEAR(sure.probabilities[2] / sure.probabilities[0], std::exp(1), 1e-9);
  EXPECT_FALSE(is_unsure(sure));
  const double nothing[] = {1, 2};
  EXPECT_GT(tags_of(nothing, everyday, false).none, 0.9);
}

TEST(TagTest, LargeLogitsStayNumbers) {
  const double everyday[] = {-1e4, 1e4}, labels[] = {3e4, -1e5};
  const Tags tags = tags_of(labels, everyday, false);
  EXPECT_NEAR(sum(tags), 1, 1e-12);
  EXPECT_NEAR(tags.none, 0.5, 0.5);
  const Tags apart = tags_of(labels, {}, true);
  EXPECT_EQ(apart.probabilities[0], 1);
  EXPECT_EQ(apart.probabilities[1], 0);
}

TEST(TagTest, WithSigmoidsEachStandsForItself) {
  const double labels[] = {0, std::log(3)};
  const Tags tags = tags_of(labels, {}, true);
  EXPECT_NEAR(tags.probabilities[0], 0.5, 1e-12);
  EXPECT_NEAR(tags.probabilities[1], 0.75, 1e-12);
  EXPECT_NEAR(tags.none, 0.125, 1e-12);
  EXPECT_TRUE(is_unsure({.probabilities = {0.4, 0.3}, .none = 0.3}));
  EXPECT_FALSE(is_unsure({.probabilities = {0.4, 0.1}, .none = 0.5}));
}

TEST(TagTest, LabelsStandInASentenceOfTheirLanguage) {
  const std::string labels[] = {"dog", "狗"};
  EXPECT_EQ(label_texts(labels, ""), (std::vector<std::string>{"a photo of a dog", "一张狗的照片"}));
  EXPECT_EQ(label_texts(labels, "{}"), (std::vector<std::string>{"dog", "狗"}));
  EXPECT_EQ(label_texts(labels, "{} or {}"), (std::vector<std::string>{"dog or dog", "狗 or 狗"}));
  const std::string odd[] = {"{}"};
  EXPECT_EQ(label_texts(odd, "a {}"), std::vector<std::string>{"a {}"});
  EXPECT_THROW(label_texts(labels, "a photo"), Error);
}

TEST(TagTest, ListsOfLabels) {
  EXPECT_EQ(parse_labels(" a dog ,猫,, "), (std::vector<std::string>{"a dog", "猫"}));
  EXPECT_THROW(parse_labels(""), Error);
  EXPECT_THROW(parse_labels(" , "), Error);
  EXPECT_THROW(parse_labels("a,b,a"), Error);
}

}  // namespace
}  // namespace gaze
