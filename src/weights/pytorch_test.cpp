#include "weights/pytorch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "weights/torch_forge.h"

namespace gaze {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMost = INT64_MAX;

std::string refused(const std::string& bytes) {
  set_language(Language::english);
  return refusal([&] { read_pytorch(in_memory(bytes)); });
}

// A dictionary of one good tensor "w": [[1, 2], [3, 4]].
std::string good() {
  return forge::dict(forge::text("w") + forge::tensor(forge::storage(), 0, {2, 2}, {2, 1}));
}

std::string one(const std::string& tensor) {
  return forge::archive(forge::dict(forge::text("w") + tensor));
}

std::string sized(std::int64_t offset, const std::vector<std::int64_t>& size, const std::vector<std::int64_t>& stride) {
  return one(forge::tensor(forge::storage(), offset, size, stride));
}

TEST(PyTorch, ReadsAForgedFileThatIsWellFormed) {
  const auto source = read_pytorch(in_memory(forge::archive(good())));
  ASSERT_EQ(source->tensors().size(), 1u);
  const Tensor tensor = source->tensor("w").to_f32();
  EXPECT_THAT(tensor.values<float>(), testing::ElementsAre(1, 2, 3, 4));
  const auto strided = read_pytorch(in_memory(sized(0, {2, 2}, {1, 2})))->tensor("w");
  EXPECT_THAT(strided.values<float>(), testing::ElementsAre(1, 3, 2, 4));
}

TEST(PyTorch, PassesOverWhatIsNoTensor) {
  const std::string items = forge::text("epoch") + "K\3" + forge::text("lists") + "]" + forge::text("w") +
                            forge::tensor(forge::storage(), 1, {3}, {1}) + "N" + "G12345678";
  EXPECT_EQ(read_pytorch(in_memory(forge::archive(forge::dict(items))))->tensors().size(), 1u);
  for (const char* door : {"state_dict", "model", "module"}) {
    const std::string nested = forge::archive(forge::dict(forge::text(door) + good()));
    EXPECT_EQ(read_pytorch(in_memory(nested))->tensors().size(), 1u) << door;
  }
  // OrderedDict of pairs, as Python 2 wrote it, and with attributes.
  const std::string pairs = forge::global("collections", "OrderedDict") + "(](](" + forge::text("w") +
                            forge::tensor(forge::storage(), 0, {1}, {1}) + "eetR" + "}b";
  EXPECT_EQ(read_pytorch(in_memory(forge::archive(pairs)))->tensors().size(), 1u);
}

TEST(PyTorch, ListsThatHoldThemselvesAndDeepNestsAreHarmless) {
  EXPECT_THAT(refused(forge::archive("]q\1h\1a")), HasSubstr("no dictionary of tensors"));
  std::string nest = ")";
  for (int i = 0; i < 1'000'000; ++i) nest += '\x85';
  EXPECT_THAT(refused(forge::archive(nest)), HasSubstr("no dictionary of tensors"));
}

TEST(PyTorch, RefusesForgedPickles) {
  using forge::archive, forge::dict, forge::global, forge::integer, forge::storage, forge::tensor, forge::text,
      forge::tuple;
  const auto rebuild = [](const std::string& arguments) {
    return one(global("torch._utils", "_rebuild_tensor_v2") + "(" + arguments + "tR");
  };
  const auto id = [](const std::string& fields) { return archive(std::string("(") + fields + "tQ"); };
  const auto called = [](const std::string& module, const std::string& name) {
    return archive(global(module, name) + text("echo") + "\x85R");
  };
  const std::string rest = "\x89" + global("collections", "OrderedDict") + ")R";
  const std::string untyped =
      "(" + text("storage") + global("torch.storage", "UntypedStorage") + text("0") + text("cpu") + integer(16) + "tQ";
  const std::string kind = "is not one that tensors need";
  const std::string arguments = "a tensor's arguments are not storage, offset, size and stride";
  const std::vector<std::pair<std::string, std::string>> cases = {
      // globals: code that a real unpickler would run
      {called("os", "system"), "pickle, byte 2: global 'os.system' " + kind},
      {called("posix", "system"), "global 'posix.system' " + kind},
      {called("builtins", "eval"), "global 'builtins.eval' " + kind},
      {called("__builtin__", "exec"), "global '__builtin__.exec' " + kind},
      {called("subprocess", "Popen"), "global 'subprocess.Popen' " + kind},
      {called("torch", "load"), "global 'torch.load' " + kind},
      {called("torch.hub", "load"), "global 'torch.hub.load' " + kind},
      {called("torch._utils", "_rebuild_sparse_tensor"), "global 'torch._utils._rebuild_sparse_tensor' " + kind},
      {called("torch", "ComplexFloatStorage"), "global 'torch.ComplexFloatStorage' " + kind},
      {called("torch", "QInt8Storage"), "global 'torch.QInt8Storage' " + kind},
      {called("collections", "defaultdict"), "global 'collections.defaultdict' " + kind},
      {called("collections.abc", "OrderedDict"), "global 'collections.abc.OrderedDict' " + kind},
      {called("", ""), "global '.' " + kind},
      {called("torch", "Float\x01\xFFStorage"), "global 'torch.Float?\uFFFDStorage' " + kind},
      {archive(text("os") + text("system") + "\x93"), "byte 20: global 'os.system' " + kind},
      {archive("NN\x93"), "a global whose name is not text"},
      {archive("cos"), "bytes are needed at byte"},
      {archive("cos\nsystem"), "bytes are needed at byte"},
      // opcodes
      {archive("(ios\nsystem\n"), "byte 3: opcode 0x69 (INST) " + kind},
      {archive("(cos\nsystem\no"), "global 'os.system' " + kind},
      {archive("(o"), "opcode 0x6F (OBJ) " + kind},
      {archive("P0\n"), "opcode 0x50 (PERSID) " + kind},
      {archive("I1\n"), "opcode 0x49 (INT) " + kind},
      {archive("L1L\n"), "opcode 0x4C (LONG) " + kind},
      {archive("F1\n"), "opcode 0x46 (FLOAT) " + kind},
      {archive("S'a'\n"), "opcode 0x53 (STRING) " + kind},
      {archive("Va\n"), "opcode 0x56 (UNICODE) " + kind},
      {archive("g0\n"), "opcode 0x67 (GET) " + kind},
      {archive("\x82\1"), "opcode 0x82 (EXT1) " + kind},
      {archive("\x84\1\1\1\1"), "opcode 0x84 (EXT4) " + kind},
      {archive("\x8F"), "opcode 0x8F (EMPTY_SET) " + kind},
      {archive("\x92"), "opcode 0x92 (NEWOBJ_EX) " + kind},
      {archive("\x96" + integer(0)), "opcode 0x96 (BYTEARRAY8) " + kind},
      {archive("\x97"), "opcode 0x97 (NEXT_BUFFER) " + kind},
      {archive("\xFF"), "byte 2: opcode 0xFF (?) " + kind},
      {archive("\x80\6"), "pickle protocol 6 is not known"},
      // the stack, marks and the memo
      {archive(""), "the pickle's stack is empty"},
      {archive("0"), "byte 2: the pickle's stack is empty"},
      {archive("2"), "the pickle's stack is empty"},
      {archive("NN"), "byte 4: the pickle stops with values left over"},
      {archive("N("), "the pickle's stack is empty"},
      {archive("(N"), "the pickle stops with values left over"},
      {archive("t"), "no mark on the pickle's stack"},
      {archive("1"), "no mark on the pickle's stack"},
      {archive("u"), "no mark on the pickle's stack"},
      {archive("N\x86"), "the pickle's stack is empty"},
      {archive("N(\x85"), "the pickle's stack is empty"},
      {archive("h\7"), "the pickle's memo has no value 7"},
      {archive("j\1\1\1\1"), "the pickle's memo has no value 16843009"},
      {archive("q\1"), "the pickle's stack is empty"},
      {archive("R"), "the pickle's stack is empty"},
      {archive("b"), "the pickle's stack is empty"},
      // containers
      {archive("NNa"), "items for something that is not a list"},
      {archive("}(Ne"), "items for something that is not a list"},
      {archive("](NNu"), "items for something that is not a dictionary"},
      {archive("NNNs"), "items for something that is not a dictionary"},
      {archive("}(Nu"), "a dictionary's key without a value"},
      {archive("(Nd"), "a dictionary's key without a value"},
      {archive("]Nb"), "items for something that is not a dictionary"},
      // lengths that reach beyond the pickle
      {archive("X\xFF\xFF\xFF\xFFw"), "4294967295 bytes are needed at byte 7"},
      {archive("\x8D" + integer(-1).substr(2)), "18446744073709551615 bytes are needed at byte 11"},
      {archive("\x8E" + integer(kMost).substr(2)), "bytes are needed at byte 11"},
      {archive("\x8B\xFF\xFF\xFF\x7F"), "2147483647 bytes are needed at byte 7"},
      {archive("B\1\1\1\1"), "16843009 bytes are needed at byte 7"},
      {forge::zip({{"archive/data.pkl", "\x80\2N"}}), "1 bytes are needed at byte 3"},
      {forge::zip({{"archive/data.pkl", ""}}), "1 bytes are needed at byte 0"},
      // calls
      {archive("NNR"), "a call of something that is not a global"},
      {archive("N)R"), "a call of something that is not a global"},
      {archive(global("collections", "OrderedDict") + "NR"), "a call whose arguments are not a tuple"},
      {archive(global("collections", "OrderedDict") + "N\x85R"),
       "an OrderedDict of something that is not a list of pairs"},
      {archive(global("collections", "OrderedDict") + "](Ne\x85R"),
       "an OrderedDict of something that is not a list of pairs"},
      {archive(global("collections", "OrderedDict") + "](]e\x85R"),
       "an OrderedDict of something that is not a list of pairs"},
      {archive(global("torch", "FloatStorage") + ")R"), "a call of a type that cannot be called"},
      {archive(global("torch", "float32") + ")\x81"), "a call of a type that cannot be called"},
      {archive(global("torch", "Size") + ")R"), "torch.Size of something that is not a tuple"},
      {archive(global("torch._utils", "_rebuild_parameter") + ")R"), "a parameter of something that is not a tensor"},
      {archive(global("torch._utils", "_rebuild_parameter") + "N\x85R"),
       "a parameter of something that is not a tensor"},
      // persistent ids
      {archive("NQ"), "a persistent id that is not a storage's"},
      {id(""), "a persistent id that is not a storage's"},
      {id(text("module") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(4)), "not a storage's"},
      {id(text("storage") + "N" + text("0") + text("cpu") + integer(4)), "not a storage's"},
      {id(text("storage") + global("torch", "float32") + text("0") + text("cpu") + integer(4)), "not a storage's"},
      {id(text("storage") + global("collections", "OrderedDict") + text("0") + text("cpu") + integer(4)),
       "not a storage's"},
      {id(text("storage") + global("torch", "FloatStorage") + "N" + text("cpu") + integer(4)), "not a storage's"},
      {id(text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(-4)),
       "not a storage's"},
      {id(text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + "\x8A\x09" +
          std::string(9, '\1')),
       "not a storage's"},
      {id(text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(4) + tuple({0, 4})),
       "not a storage's"},
      {archive(storage(4) + storage(5) + "\x86"), "storage '0' is there with two types or sizes"},
      {archive(storage(4) + storage(4, "IntStorage") + "\x86"), "storage '0' is there with two types or sizes"},
      // a tensor's arguments
      {rebuild(""), arguments},
      {rebuild(storage() + integer(0) + tuple({2}) + tuple({1})), arguments},
      {rebuild("N" + integer(0) + tuple({2}) + tuple({1}) + rest), arguments},
      {rebuild(storage() + "N" + tuple({2}) + tuple({1}) + rest), arguments},
      {rebuild(storage() + integer(-1) + tuple({2}) + tuple({1}) + rest), arguments},
      {rebuild(storage() + integer(0) + "N" + tuple({1}) + rest), "size or stride is not a tuple"},
      {rebuild(storage() + integer(0) + tuple({2}) + "N" + rest), "size or stride is not a tuple"},
      {rebuild(storage() + integer(0) + tuple({2}) + "(Nt" + rest), "size or stride is not a number from 0 on"},
      {rebuild(untyped + integer(0) + tuple({2}) + tuple({1}) + rest), "a tensor without a number type"},
      {one(global("torch._utils", "_rebuild_tensor_v3") + "(" + untyped + integer(0) + tuple({2}) + tuple({1}) + rest +
           "NtR"),
       "a tensor's number type is not one"},
      {sized(0, {2, 2}, {1}), "a tensor of 2 sizes and 1 strides"},
      {sized(0, {-2}, {1}), "size or stride is not a number from 0 on"},
      {sized(0, {2}, {-1}), "size or stride is not a number from 0 on"},
      {sized(0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}), "a tensor of more than 8 dimensions"},
      // views that leave their storage, wrap around, or blow it up
      {sized(0, {5}, {1}), "tensor 'w': reaches beyond its storage of 16 bytes"},
      {sized(1, {4}, {1}), "tensor 'w': reaches beyond its storage of 16 bytes"},
      {sized(4, {1}, {1}), "reaches beyond its storage"},
      {sized(kMost, {1}, {1}), "reaches beyond its storage"},
      {sized(kMost, {2}, {1}), "reaches beyond its storage"},
      {sized(0, {2}, {4}), "reaches beyond its storage"},
      {sized(0, {2}, {kMost}), "reaches beyond its storage"},
      {sized(0, {3, 3}, {kMost / 2 + 1, kMost / 2 + 1}), "reaches beyond its storage"},
      {sized(0, {kMost}, {0}), "tensor 'w': shape [9223372036854775807] is too large"},
      {sized(0, {kMost, kMost}, {0, 0}), "is too large"},
      {sized(0, {0, kMost, kMost}, {0, 0, 0}), "is too large"},
      {sized(0, {1 << 20}, {0}), "tensor 'w': shape [1048576] repeats its storage to more than the file's size"},
      // storages and the archive
      {one(tensor(storage(4, "FloatStorage", "1"), 0, {1}, {1})), "no zip entry 'archive/data/1'"},
      {one(tensor(storage(4, "FloatStorage", "../data.pkl"), 0, {1}, {1})), "no zip entry 'archive/data/../data.pkl'"},
      {one(tensor(storage(3), 0, {1}, {1})), "storage '0': 3 elements do not take the archive's 16 bytes"},
      {one(tensor(storage(kMost), 0, {1}, {1})), "elements do not take the archive's 16 bytes"},
      {one(tensor(storage(4, "DoubleStorage"), 0, {1}, {1})),
       "storage '0': 4 elements do not take the archive's 16 bytes"},
      // the dictionary
      {archive("N"), "no dictionary of tensors"},
      {archive("}"), "no dictionary of tensors"},
      {archive(tensor(storage(), 0, {1}, {1})), "no dictionary of tensors"},
      {archive(dict(text("deep") + dict(text("model") + good()))), "no dictionary of tensors"},
      {archive(dict("N" + tensor(storage(), 0, {1}, {1}))), "a tensor's name is empty, too long or not text"},
      {archive(dict(text("") + tensor(storage(), 0, {1}, {1}))), "a tensor's name is empty, too long or not text: ''"},
      {archive(dict(text("a\xFF") + tensor(storage(), 0, {1}, {1}))), "not text: 'a\uFFFD'"},
      {archive(dict(text("w") + tensor(storage(), 0, {1}, {1}) + text("w") + tensor(storage(), 0, {1}, {1}))),
       "tensor 'w' is there twice"},
  };
  EXPECT_GE(cases.size(), 60u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string fault = refused(cases[i].first);
    EXPECT_THAT(fault, HasSubstr(cases[i].second)) << "case " << i;
    EXPECT_THAT(fault, HasSubstr("forged: "));
  }
}

TEST(PyTorch, RefusesForgedArchives) {
  const std::string whole = forge::archive(good());
  const std::size_t end = whole.size() - 22;
  const auto changed = [&](std::size_t at, const std::string& bytes) {
    std::string copy = whole;
    copy.replace(at, bytes.size(), bytes);
    return copy;
  };
  const std::size_t entry = whole.find("PK\1\2");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "neither a zip archive nor the older layout"},
      {"PK", "neither a zip archive nor the older layout"},
      {"\x80\2}.", "neither a zip archive nor the older layout"},
      {"PK\3\4", "the end of the file is missing"},
      {whole.substr(0, whole.size() - 1), "the end of the file is missing"},
      {whole + "x", "the end of the file is missing"},
      {changed(end + 4, "\1"), "a part of an archive of several disks"},
      {changed(end + 10, "\3"), "4 bytes are needed"},
      {changed(end + 10, "\1"), "bytes follow its last entry"},
      {changed(end + 10, "\xFF\xFF"), "are needed at byte"},
      {changed(end + 12, "\1"), "where they should"},
      {changed(end + 16, "\xFF\xFF\xFF\xFF"), "where they should"},
      {changed(entry, "PK\1\3"), "zip directory: no entry at byte"},
      {changed(entry + 8, "\1"), "zip entry 'archive/data.pkl': encrypted"},
      {changed(entry + 10, "\x08"), "zip entry 'archive/data.pkl': compressed"},
      {changed(entry + 20, "\1"), "the directory and the entry's own header differ"},
      {changed(entry + 20, "\xFF\xFF\xFF\x7F"), "reach beyond the file"},
      {changed(entry + 20, "\xFF\xFF\xFF\xFF"), "reach beyond the file"},
      {changed(entry + 42, "\1"), "the directory and the entry's own header differ"},
      {changed(entry + 42, "\xFF\xFF\xFF\xFF"), "reach beyond the file"},
      {changed(entry + 28, "\xFF\xFF"), "are needed at byte"},
      {changed(8, "\x08"), "the directory and the entry's own header differ"},
      {changed(30, "A"), "zip entry 'archive/data.pkl': the directory and the entry's own header differ"},
      {changed(47, "\3"), "zip entry 'archive/data.pkl': its bytes do not match its checksum"},
      {forge::zip({{"archive/data/0", "1234"}}), "a zip archive without data.pkl"},
      {forge::zip({{"data.pkl", "N."}}), "a zip archive without data.pkl"},
      {forge::zip({{"a/b/data.pkl", "N."}}), "a zip archive without data.pkl"},
      {forge::zip({{"a/data.pkl", "N."}, {"b/data.pkl", "N."}}), "two pickles (data.pkl)"},
      {forge::zip({{"a/data.pkl", "N."}, {"a/data.pkl", "N."}}), "zip entry 'a/data.pkl' is there twice"},
      {forge::archive(good(), {{"archive/byteorder", "big"}}), "another byte order"},
      {forge::archive(good(), {{"archive/constants.pkl", "N."}}), "TorchScript"},
      {forge::zip({}), "neither a zip archive"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_THAT(refused(cases[i].first), HasSubstr(cases[i].second)) << "case " << i;
  }
}

std::string old_layout(const std::string& system, const std::string& root, const std::string& keys,
                       const std::string& storages, const std::string& protocol = "M\xE9\3") {
  const std::string magic("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15);
  const std::string begin = "\x80\2";
  return magic + begin + protocol + "." + begin + system + "." + begin + root + "." + begin + keys + "." + storages;
}

TEST(PyTorch, ReadsAndRefusesTheOlderLayout) {
  using forge::dict, forge::integer, forge::text;
  const std::string little_endian = dict(text("little_endian") + "\x88"), keys = "](" + text("0") + "e";
  const std::string bytes = little<std::int64_t>(4) + std::string(16, '\0');
  EXPECT_EQ(read_pytorch(in_memory(old_layout(little_endian, good(), keys, bytes)))->tensor("w").elements(), 4);

  const std::vector<std::pair<std::string, std::string>> cases = {
      {old_layout(little_endian, good(), keys, bytes, "K\1"), "not torch's file protocol 1001"},
      {old_layout(dict(text("little_endian") + "\x89"), good(), keys, bytes), "another byte order"},
      {old_layout(little_endian, good(), keys, ""), "8 bytes are needed at byte"},
      {old_layout(little_endian, good(), keys, bytes.substr(0, 20)), "16 bytes are needed at byte"},
      {old_layout(little_endian, good(), keys, bytes + "x"), "1 bytes follow the last storage"},
      {old_layout(little_endian, good(), keys, little<std::int64_t>(3) + bytes.substr(8)),
       "4 elements in the pickle, 3 before its bytes"},
      {old_layout(little_endian, good(), keys, little<std::int64_t>(-1) + bytes.substr(8)),
       "4 elements in the pickle, -1 before"},
      {old_layout(little_endian, good(), "]", ""), "no bytes for storage '0'"},
      {old_layout(little_endian, good(), "](" + text("0") + text("0") + "e", bytes + bytes),
       "the list of storages has '0'"},
      {old_layout(little_endian, good(), "](" + text("1") + "e", bytes), "the list of storages has '1'"},
      {old_layout(little_endian, good(), "N", ""), "no bytes for storage '0'"},
      {old_layout("N", "cos\nsystem\n", keys, bytes), "global 'os.system' is not one"},
      {old_layout("cos\nsystem\n", good(), keys, bytes), "global 'os.system' is not one"},
      {old_layout(little_endian, good(), "cos\nsystem\n", bytes), "global 'os.system' is not one"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_THAT(refused(cases[i].first), HasSubstr(cases[i].second)) << "case " << i;
  }
}

TEST(PyTorch, EveryLimitHoldsOnBothSides) {
  const Limits before = limits();
  const std::string bytes = forge::archive("((((((((tttttttt");  // 17 opcodes with STOP, 8 values
  Limits tight = before;
  tight.pickle_bytes = 2 + 17;
  tight.pickle_values = 8;
  set_limits(tight);
  EXPECT_THAT(refused(bytes), HasSubstr("no dictionary of tensors"));
  tight.pickle_bytes = 2 + 16;
  set_limits(tight);
  EXPECT_THAT(refused(bytes), HasSubstr("the pickle is longer than the limit of 18 bytes"));
  tight.pickle_bytes = 100;
  tight.pickle_values = 7;
  set_limits(tight);
  EXPECT_THAT(refused(bytes), HasSubstr("the pickle holds more than 7 values"));
  set_limits(before);
}

class DamagedFile : public testing::TestWithParam<const char*> {
 protected:
  const std::string whole_ =
      read_text_file(std::string(GAZE_SOURCE_DIR "/tests/golden/weights/") + GetParam(), 1 << 20);
};

TEST_P(DamagedFile, IsHarmlessCutAtEveryByte) {
  for (std::size_t length = 0; length < whole_.size(); ++length) {
    EXPECT_FALSE(refused(whole_.substr(0, length)).empty()) << length;
  }
}

TEST_P(DamagedFile, IsHarmlessWithEveryByteChanged) {
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    for (const int mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF}) {
      std::string changed = whole_;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      expect_harmless(read_pytorch, changed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, DamagedFile, testing::Values("module.bin", "views-old.bin"),
                         [](const auto& test) { return std::string(test.param) == "module.bin" ? "zip" : "old"; });

}  // namespace
}  // namespace gaze
