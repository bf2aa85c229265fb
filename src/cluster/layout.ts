/** Layout: how one replica of a model lies on chips. A rank is a device of a chip, mostly the only one. */

export interface Layout {
  /** Ranks that divide attention and dense products. */
  readonly tensor: number;
  /** Stages of layers. */
  readonly pipeline: number;
  /** Groups of `tensor` ranks, each with sequences of its own, that share the experts. */
  readonly data: number;
  /** Ranks among the tensor · data of a stage that divide the experts; the rest divide each expert. */
  readonly expert: number;
}

/** Ranks of a replica. */
export function ranksOf({ tensor, pipeline, data }: Layout): number {
  return tensor * pipeline * data;
}

/** Ranks that divide each expert. */
export function expertTensorOf({ tensor, data, expert }: Layout): number {
  return (tensor * data) / expert;
}

/** `tp=8,pp=1,dp=1,ep=1`. */
export function layoutToString({ tensor, pipeline, data, expert }: Layout): string {
  return `tp=${tensor},pp=${pipeline},dp=${data},ep=${expert}`;
}
