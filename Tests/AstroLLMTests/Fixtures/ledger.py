"""Makes ledger.jsonl: calls with the usage their provider states, the price as LiteLLM's table lists it, and what the call
cost, recomputed here in decimal numbers from the raw usage with the formula of its provider. Run again only to change the
cases: python3 ledger.py > ledger.jsonl
"""
import json
import random
from decimal import Decimal

R = random.Random(20261129)
PICO = Decimal(10) ** 12

PRICES = {
    "plain": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07},
    "cached": {"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07},
    "written": {
        "input_cost_per_token": 2e-07, "output_cost_per_token": 1.2e-06, "cache_read_input_token_cost": 2e-08,
        "cache_creation_input_token_cost": 2.5e-07, "input_cost_per_token_batches": 1e-07,
        "output_cost_per_token_batches": 6e-07, "input_cost_per_token_flex": 1e-07, "output_cost_per_token_flex": 6e-07,
        "input_cost_per_token_priority": 4e-07, "output_cost_per_token_priority": 2.4e-06,
        "cache_read_input_token_cost_priority": 4e-08},
    "long": {
        "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
        "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
        "cache_read_input_token_cost_above_200k_tokens": 6e-07,
        "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
        "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 7.5e-06},
    "tiers": {
        "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 2.5e-07,
        "input_cost_per_token_above_272k_tokens": 5e-06, "output_cost_per_token_above_272k_tokens": 2.25e-05,
        "input_cost_per_token_above_272k_tokens_priority": 1e-05,
        "output_cost_per_token_above_272k_tokens_priority": 4.5e-05, "input_cost_per_token_priority": 5e-06,
        "output_cost_per_token_priority": 3e-05, "input_cost_per_token_above_272k_tokens_batches": 2.5e-06,
        "output_cost_per_token_above_272k_tokens_batches": 1.125e-05, "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token_batches": 7.5e-06},
    "thinking": {
        "input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06, "output_cost_per_reasoning_token": 3.5e-06},
    "ranges": {"tiered_pricing": [
        {"input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07, "range": [0, 256000.0]},
        {"input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06, "range": [256000.0, 1000000.0]}]},
    "cheap": {"input_cost_per_token": 1.3e-10, "output_cost_per_token": 2.6e-10},
}
SUFFIX = {"standard": "", "batch": "_batches", "flex": "_flex", "priority": "_priority"}
THRESHOLDS = [("_above_272k_tokens", 272000), ("_above_200k_tokens", 200000)]


def exact(value):
    return Decimal(repr(value)) * PICO


def rate(price, key, tier, prompt):
    """Long prompts first, and there the tier's own rate before the standard one; then the same without the length."""
    for entry in reversed(price.get("tiered_pricing", [])):
        if (prompt > entry["range"][0] or entry["range"][0] == 0) and key in entry:
            return exact(entry[key])
    places = [above for above, limit in THRESHOLDS if prompt > limit] + [""]
    for above in places:
        for suffix in dict.fromkeys([SUFFIX[tier], ""]):
            if key + above + suffix in price:
                return exact(price[key + above + suffix])
    return None


def cost(price, tier, raw):
    if "prompt_tokens" in raw or "input_tokens_details" in raw:
        chat = "prompt_tokens" in raw
        prompt = raw["prompt_tokens" if chat else "input_tokens"]
        output = raw["completion_tokens" if chat else "output_tokens"]
        details = raw["prompt_tokens_details" if chat else "input_tokens_details"]
        thought = raw["completion_tokens_details" if chat else "output_tokens_details"]["reasoning_tokens"]
        read, write, hour = details["cached_tokens"], details["cache_write_tokens"], 0
        plain = prompt - read - write
    else:
        plain, output, thought = raw["input_tokens"], raw["output_tokens"], 0
        read = raw["cache_read_input_tokens"]
        hour = raw["cache_creation"]["ephemeral_1h_input_tokens"]
        write = raw["cache_creation"]["ephemeral_5m_input_tokens"]
        prompt = plain + read + write + hour

    def of(key):
        return rate(price, key, tier, prompt)

    inp, out = of("input_cost_per_token"), of("output_cost_per_token")
    w = of("cache_creation_input_token_cost") or inp
    return int(
        plain * inp + read * (of("cache_read_input_token_cost") or inp) + write * w
        + hour * (of("cache_creation_input_token_cost_above_1hr") or w) + (output - thought) * out
        + thought * (of("output_cost_per_reasoning_token") or out))


def count(most):
    return R.choice([0, R.randrange(most), R.randrange(1 + most // 50)])


for number in range(1000):
    name = R.choice(sorted(PRICES))
    dialect = R.choice(["openai_chat", "openai_responses", "anthropic_messages"])
    tier = R.choice(["standard", "standard", "batch", "flex", "priority"])
    read, write, hour, plain = count(300000), count(60000), count(60000), count(300000)
    output = count(60000)
    thought = R.randrange(output + 1)
    if dialect == "openai_chat":
        raw = {"prompt_tokens": plain + read + write, "completion_tokens": output, "total_tokens": plain + read + write + output,
               "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
               "completion_tokens_details": {"reasoning_tokens": thought}}
    elif dialect == "openai_responses":
        raw = {"input_tokens": plain + read + write, "output_tokens": output, "total_tokens": plain + read + write + output,
               "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
               "output_tokens_details": {"reasoning_tokens": thought}}
    else:
        raw = {"input_tokens": plain, "output_tokens": output, "cache_read_input_tokens": read,
               "cache_creation_input_tokens": write + hour,
               "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": hour}}
    print(json.dumps({"price": name, "dialect": dialect, "tier": tier, "usage": raw,
                      "picodollars": cost(PRICES[name], tier, raw)}, separators=(",", ":")))
print(json.dumps({"prices": PRICES}, separators=(",", ":")))
