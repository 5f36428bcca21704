"""Reading documents, from text as given to rows of the core tables. Where to look, in the order of the work:

- documents: `articles` (which are the same), `documents` (paragraphs of one), `synthetic` (made up, to measure with)
- text without mark-up: `normalise` for the search of keywords, `plain` for all that reads values
- keywords: `keywords`, `scan`, `hits`, `select`; new ones `terms`, `embeddings`, `ranking`, `discover`, `review`
- classes of texts: `classify`, `context`, `sequences`, `routes`
- formulas: `amounts`, `composition`, `names`, `phrases`, `variables`, `formula`
- compounds in running text: `materials`, `abbreviations`, `series`
- values and what they are of: `quantities`, `points`, `properties`, `cues`, `links`, `transitions`
- synthesis: `procedures`, `recipes`; its entities `tag`, `tagger`, `tag_features`, `tokens`, `crf`, `relations`
- records: `extract`; by a language model `llm`, `grounding`; rows of tables `tables`, `labels`
- `shipped`: weights that come with the package; `evaluation`: how well all this reads
"""
