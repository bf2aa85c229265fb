/** Floor 2: models as people publish them: checkpoint, tokenizer, chat, and families as graphs. */
export * from './chat.ts';
export { type ReplyEvent } from './chat/callWriter.ts';
export { chatOfModelType, type Chat } from './chat/format.ts';
export * from './chat/message.ts';
export { messageOf, type ReplyParser } from './chat/reply.ts';
export * from './checkpoint/catalogue.node.ts';
export * from './checkpoint/checkpoint.ts';
export * from './checkpoint/config.ts';
export { type GenerationConfig } from './checkpoint/generation.ts';
export * from './checkpoint/openCheckpoint.node.ts';
export * from './checkpoint/skippedParts.ts';
export { type WeightKind } from './checkpoint/tensorValues.ts';
export { NO_WEIGHTS, type WeightReader } from './families/builder.ts';
export { type GraphOptions } from './families/decoder.ts';
export * from './model.node.ts';
export * from './model.ts';
export * from './retrieval.ts';
export * from './tokenizer.ts';
