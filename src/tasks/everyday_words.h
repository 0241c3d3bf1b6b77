// A broad list of what photographs show: what labels are measured against where none of them may fit (tag.h).
#pragma once

#include <array>
#include <string_view>

namespace gaze {

struct EverydayWord {
  std::string_view english, chinese;
};

inline constexpr std::array kEverydayWords = std::to_array<EverydayWord>({
    {"person", "人"},
    {"child", "孩子"},
    {"face", "人脸"},
    {"crowd", "人群"},
    {"dog", "狗"},
    {"cat", "猫"},
    {"bird", "鸟"},
    {"fish", "鱼"},
    {"insect", "昆虫"},
    {"horse", "马"},
    {"wild animal", "野生动物"},
    {"reptile", "爬行动物"},
    {"flower", "花"},
    {"tree", "树"},
    {"leaf", "叶子"},
    {"mushroom", "蘑菇"},
    {"fruit", "水果"},
    {"vegetable", "蔬菜"},
    {"plate of food", "一盘菜"},
    {"cake", "蛋糕"},
    {"drink", "饮料"},
    {"car", "汽车"},
    {"truck", "卡车"},
    {"bicycle", "自行车"},
    {"motorcycle", "摩托车"},
    {"train", "火车"},
    {"airplane", "飞机"},
    {"boat", "船"},
    {"house", "房子"},
    {"skyscraper", "摩天大楼"},
    {"church", "教堂"},
    {"bridge", "桥"},
    {"street", "街道"},
    {"room", "房间"},
    {"kitchen", "厨房"},
    {"beach", "海滩"},
    {"mountain", "山"},
    {"forest", "森林"},
    {"field", "田野"},
    {"river", "河流"},
    {"sky", "天空"},
    {"snow", "雪"},
    {"night scene", "夜景"},
    {"fire", "火"},
    {"chair", "椅子"},
    {"table", "桌子"},
    {"lamp", "灯"},
    {"clock", "时钟"},
    {"computer", "电脑"},
    {"phone", "手机"},
    {"camera", "相机"},
    {"book", "书"},
    {"document", "文件"},
    {"drawing", "图画"},
    {"sign", "标志牌"},
    {"tool", "工具"},
    {"musical instrument", "乐器"},
    {"toy", "玩具"},
    {"ball", "球"},
    {"sport", "体育运动"},
    {"clothes", "衣服"},
    {"shoe", "鞋"},
    {"bag", "包"},
    {"jewellery", "首饰"},
});

}  // namespace gaze
