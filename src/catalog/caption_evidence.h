// How much the words of a query say for a caption: an SQL function over the full-text index.
#pragma once

struct sqlite3;

namespace gaze {

// Adds caption_evidence(caption_words) to a connection, for rows that MATCH finds. From 0 to 1: the share of the
// query's words that the caption has, each word counting by its rarity (BM25's inverse document frequency,
// Robertson & Zaragoza 2009), cubed, and less where even all of them are common: a word that half of the captions have
// says nothing. 1: all words are there, and together they are as rare as a word of one caption alone.
// Unlike BM25 itself it is comparable between queries.
void add_caption_evidence(sqlite3* connection);

}  // namespace gaze
