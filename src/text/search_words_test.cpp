#include "text/search_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaze {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SearchWords, AreWordsWithoutTheCommonOnes) {
  EXPECT_THAT(search_words("A Dog, and the DOG's 2 bones!"), ElementsAre("dog", "s", "2", "bones"));
  EXPECT_THAT(search_words("Ｃａｆé"), ElementsAre("café"));  // full width
  EXPECT_THAT(search_words("and the 的 -- \"*"), IsEmpty());
  EXPECT_THAT(search_words(""), IsEmpty());
}

TEST(SearchWords, ChineseComesInPairsAndCharacters) {
  EXPECT_THAT(search_words("黑狗奔跑"), ElementsAre("黑", "黑狗", "狗", "狗奔", "奔", "奔跑", "跑"));
  EXPECT_THAT(search_words("草地上的狗"), ElementsAre("草", "上", "狗"));  // 地 and 的 part words
  EXPECT_THAT(search_words("两只dog狗"), ElementsAre("两", "两只", "只", "dog", "狗"));
}

TEST(SearchWords, TakesAnyBytes) {
  EXPECT_THAT(search_words("dog\xFF\xFE cat\xE7\x8B"), ElementsAre("dog", "cat"));
}

}  // namespace
}  // namespace gaze
