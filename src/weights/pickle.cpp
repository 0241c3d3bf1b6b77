#include "weights/pickle.h"

#include <utility>

#include "base/limits.h"
#include "base/message.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

// The opcodes that are read, by their names in Python's pickletools.
enum Opcode : unsigned char {
  MARK = '(',
  STOP = '.',
  POP = '0',
  POP_MARK = '1',
  DUP = '2',
  BINBYTES = 'B',
  SHORT_BINBYTES = 'C',
  BINFLOAT = 'G',
  BININT = 'J',
  BININT1 = 'K',
  BININT2 = 'M',
  NONE = 'N',
  BINPERSID = 'Q',
  REDUCE = 'R',
  BINSTRING = 'T',
  SHORT_BINSTRING = 'U',
  BINUNICODE = 'X',
  EMPTY_LIST = ']',
  APPEND = 'a',
  BUILD = 'b',
  GLOBAL = 'c',
  DICT = 'd',
  APPENDS = 'e',
  BINGET = 'h',
  LONG_BINGET = 'j',
  LIST = 'l',
  BINPUT = 'q',
  LONG_BINPUT = 'r',
  SETITEM = 's',
  TUPLE = 't',
  SETITEMS = 'u',
  EMPTY_DICT = '}',
  EMPTY_TUPLE = ')',
  PROTO = 0x80,
  NEWOBJ = 0x81,
  TUPLE1 = 0x85,
  TUPLE2 = 0x86,
  TUPLE3 = 0x87,
  NEWTRUE = 0x88,
  NEWFALSE = 0x89,
  LONG1 = 0x8A,
  LONG4 = 0x8B,
  SHORT_BINUNICODE = 0x8C,
  BINUNICODE8 = 0x8D,
  BINBYTES8 = 0x8E,
  STACK_GLOBAL = 0x93,
  MEMOIZE = 0x94,
  FRAME = 0x95,
};

// Opcodes that pickles may have and tensors do not need, for messages.
const char* name_of_refused(unsigned char opcode) {
  switch (opcode) {
    case 'F':
      return "FLOAT";
    case 'I':
      return "INT";
    case 'L':
      return "LONG";
    case 'P':
      return "PERSID";
    case 'S':
      return "STRING";
    case 'V':
      return "UNICODE";
    case 'g':
      return "GET";
    case 'i':
      return "INST";
    case 'o':
      return "OBJ";
    case 'p':
      return "PUT";
    case 0x82:
      return "EXT1";
    case 0x83:
      return "EXT2";
    case 0x84:
      return "EXT4";
    case 0x8F:
      return "EMPTY_SET";
    case 0x90:
      return "ADDITEMS";
    case 0x91:
      return "FROZENSET";
    case 0x92:
      return "NEWOBJ_EX";
    case 0x96:
      return "BYTEARRAY8";
    case 0x97:
      return "NEXT_BUFFER";
    case 0x98:
      return "READONLY_BUFFER";
    default:
      return "?";
  }
}

constexpr unsigned kNewestProtocol = 5;

std::string_view read_line(ByteReader& reader) {
  std::uint64_t length = 0;
  for (ByteReader ahead = reader; ahead.number<char>() != '\n';) ++length;
  const std::string_view line = reader.text(length);
  reader.take(1);
  return line;
}

}  // namespace

Pickle::Pickle(std::span<const std::byte> bytes, std::uint64_t begin, const std::string& origin, PickleHost& host)
    : origin_(origin), host_(host) {
  run(bytes, begin);
}

void Pickle::run(std::span<const std::byte> bytes, std::uint64_t begin) {
  ByteReader reader(bytes, origin_, begin);
  const auto limit = static_cast<std::uint64_t>(limits().pickle_bytes);
  while (true) {
    at_ = reader.position();
    if (at_ - begin >= limit) refuse_here(message("the pickle is longer than the limit of {} bytes", limit));
    const auto opcode = reader.number<unsigned char>();
    if (opcode == STOP) break;
    step(opcode, reader);
  }
  root_ = pop();
  if (!stack_.empty() || !marks_.empty()) refuse_here(message("the pickle stops with values left over"));
  end_ = reader.position();
}

void Pickle::step(unsigned char opcode, ByteReader& reader) {
  switch (opcode) {
    case PROTO:
      if (const auto version = reader.number<std::uint8_t>(); version > kNewestProtocol) {
        refuse_here(message("pickle protocol {} is not known", version));
      }
      break;
    case FRAME:
      reader.take(8);  // a hint for readers from streams
      break;

    case NONE:
      push({});
      break;
    case NEWTRUE:
    case NEWFALSE:
      push({.kind = PickleKind::boolean, .integer = opcode == NEWTRUE});
      break;
    case BININT:
      push({.kind = PickleKind::integer, .integer = reader.number<std::int32_t>()});
      break;
    case BININT1:
      push({.kind = PickleKind::integer, .integer = reader.number<std::uint8_t>()});
      break;
    case BININT2:
      push({.kind = PickleKind::integer, .integer = reader.number<std::uint16_t>()});
      break;
    case LONG1:
      push_long(reader.text(reader.number<std::uint8_t>()));
      break;
    case LONG4:
      push_long(reader.text(reader.number<std::uint32_t>()));
      break;
    case BINFLOAT:
      reader.take(8);  // no tensor depends on one
      push({.kind = PickleKind::real});
      break;
    case SHORT_BINUNICODE:
    case SHORT_BINSTRING:
      push_text(PickleKind::text, reader.text(reader.number<std::uint8_t>()));
      break;
    case BINUNICODE:
    case BINSTRING:
      push_text(PickleKind::text, reader.text(reader.number<std::uint32_t>()));
      break;
    case BINUNICODE8:
      push_text(PickleKind::text, reader.text(reader.number<std::uint64_t>()));
      break;
    case SHORT_BINBYTES:
      push_text(PickleKind::bytes, reader.text(reader.number<std::uint8_t>()));
      break;
    case BINBYTES:
      push_text(PickleKind::bytes, reader.text(reader.number<std::uint32_t>()));
      break;
    case BINBYTES8:
      push_text(PickleKind::bytes, reader.text(reader.number<std::uint64_t>()));
      break;

    case EMPTY_TUPLE:
      push_items(PickleKind::tuple, {});
      break;
    case EMPTY_LIST:
      push_items(PickleKind::list, {});
      break;
    case EMPTY_DICT:
      push_items(PickleKind::dict, {});
      break;
    case TUPLE1:
    case TUPLE2:
    case TUPLE3:
      push_items(PickleKind::tuple, pop_count(opcode - TUPLE1 + 1u));
      break;
    case TUPLE:
      push_items(PickleKind::tuple, pop_to_mark());
      break;
    case LIST:
      push_items(PickleKind::list, pop_to_mark());
      break;
    case DICT: {
      std::vector<Ref> items = pop_to_mark();
      push_items(PickleKind::dict, {});
      add_to_dict(std::move(items));
      break;
    }
    case APPEND: {
      const Ref item = pop();
      container(PickleKind::list).items.push_back(item);
      break;
    }
    case APPENDS: {
      const std::vector<Ref> items = pop_to_mark();
      auto& list = container(PickleKind::list).items;
      list.insert(list.end(), items.begin(), items.end());
      break;
    }
    case SETITEM:
      add_to_dict(pop_count(2));
      break;
    case SETITEMS:
      add_to_dict(pop_to_mark());
      break;

    case MARK:
      marks_.push_back(stack_.size());
      break;
    case POP:
      pop();
      break;
    case POP_MARK:
      pop_to_mark();
      break;
    case DUP:
      stack_.push_back(top());
      break;
    case BINPUT:
      remember(reader.number<std::uint8_t>());
      break;
    case LONG_BINPUT:
      remember(reader.number<std::uint32_t>());
      break;
    case MEMOIZE:
      remember(memo_.size());
      break;
    case BINGET:
      recall(reader.number<std::uint8_t>());
      break;
    case LONG_BINGET:
      recall(reader.number<std::uint32_t>());
      break;

    case GLOBAL: {
      const std::string_view module = read_line(reader);
      push_global(module, read_line(reader));
      break;
    }
    case STACK_GLOBAL: {
      const std::vector<Ref> names = pop_count(2);
      if (kind(names[0]) != PickleKind::text || kind(names[1]) != PickleKind::text) {
        refuse_here(message("a global whose name is not text"));
      }
      push_global(values_[names[0]].text, values_[names[1]].text);
      break;
    }
    case REDUCE:
    case NEWOBJ:
      call();
      break;
    case BUILD:
      build();
      break;
    case BINPERSID:
      stack_.push_back(host_.persistent(*this, pop()));
      break;

    default:
      refuse_here(message("opcode 0x{:02X} ({}) is not one that tensors need", opcode, name_of_refused(opcode)));
  }
}

Pickle::Ref Pickle::add(PickleValue value) {
  if (values_.size() >= static_cast<std::size_t>(limits().pickle_values)) {
    refuse_here(message("the pickle holds more than {} values", limits().pickle_values));
  }
  values_.push_back(std::move(value));
  return static_cast<Ref>(values_.size() - 1);
}

void Pickle::refuse_here(const std::string& fault) const {
  refuse(origin_, message("pickle, byte {}: {}", at_, fault),
         message("nothing that a pickle asks for is run, and only tensors are read: save the weights alone "
                 "(torch.save of a state_dict) or as safetensors"));
}

void Pickle::push_long(std::string_view digits) {
  if (digits.size() > 8) return push_text(PickleKind::long_integer, digits);
  std::uint64_t bits = !digits.empty() && (digits.back() & 0x80) ? ~std::uint64_t{0} : 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    bits = (bits & ~(std::uint64_t{0xFF} << (8 * i))) | std::uint64_t{static_cast<unsigned char>(digits[i])} << (8 * i);
  }
  push({.kind = PickleKind::integer, .integer = static_cast<std::int64_t>(bits)});
}

void Pickle::push_global(std::string_view module, std::string_view name) {
  const std::optional<int> tag = host_.global(module, name);
  if (!tag) {
    refuse_here(
        message("global {} is not one that tensors need", in_quotes(std::string(module) + "." + std::string(name))));
  }
  push({.kind = PickleKind::global, .tag = *tag});
}

Pickle::Ref Pickle::top() const {
  if (stack_.empty() || (!marks_.empty() && marks_.back() == stack_.size())) {
    refuse_here(message("the pickle's stack is empty"));
  }
  return stack_.back();
}

Pickle::Ref Pickle::pop() {
  const Ref ref = top();
  stack_.pop_back();
  return ref;
}

std::vector<Pickle::Ref> Pickle::pop_count(std::size_t count) {
  std::vector<Ref> items(count);
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

std::vector<Pickle::Ref> Pickle::pop_to_mark() {
  if (marks_.empty()) refuse_here(message("no mark on the pickle's stack"));
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Ref> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

PickleValue& Pickle::container(PickleKind wanted) {
  PickleValue& value = values_[top()];
  if (value.kind != wanted) {
    refuse_here(wanted == PickleKind::list ? message("items for something that is not a list")
                                           : message("items for something that is not a dictionary"));
  }
  return value;
}

void Pickle::add_to_dict(std::vector<Ref> items) {
  if (items.size() % 2 != 0) refuse_here(message("a dictionary's key without a value"));
  auto& dict = container(PickleKind::dict).items;
  dict.insert(dict.end(), items.begin(), items.end());
}

void Pickle::call() {
  const Ref arguments = pop();
  const Ref callee = pop();
  if (kind(callee) != PickleKind::global) refuse_here(message("a call of something that is not a global"));
  if (kind(arguments) != PickleKind::tuple) refuse_here(message("a call whose arguments are not a tuple"));
  stack_.push_back(host_.call(*this, values_[callee].tag, arguments));
}

// Attributes for an object. Only dictionaries have them here (the `_metadata` of a state_dict), and nobody reads them.
void Pickle::build() {
  pop();
  container(PickleKind::dict);
}

void Pickle::recall(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) refuse_here(message("the pickle's memo has no value {}", key));
  stack_.push_back(found->second);
}

}  // namespace gaze
