"""The names by which objectives ask for tensors: what a task puts into the context."""

CONTEXT = {
    "prediction": "the model's output: logits (batch, classes), log-probabilities (batch, frames, symbols + 1), values "
    "(batch, ..., outputs) or the rebuilt window (batch, channels, time)",
    "target": "what is to come out; for reconstruction the window itself",
    "weight": "how much each entry of the target counts, the target's shape",
    "phonemes": "kinds beside the target of silent speech (batch, frames)",
    "input_lengths": "frames of each row that are real (batch,)",
    "target_lengths": "symbols of each row's target that are real (batch,)",
    "patch_mask": "True where a token was hidden (batch, tokens)",
    "patch_size": "samples of a patch, integer ()",
    "channel_mask": "True where a channel is real (batch, channels)",
    "teacher_prediction": "the teacher's output, in the form of the prediction",
    "teacher_target": "texts that the teacher reads (batch, longest) or (batch, texts, longest)",
    "teacher_target_lengths": "their symbols (batch,) or (batch, texts)",
    "teacher_target_weight": "their probabilities (batch, texts)",
    "feature_lengths": "frames of each row's features that are real (batch,)",
    "features": "the student's features (batch, frames, width)",
    "projected": "the student's features mapped to the teacher's width (batch, frames, teacher's width)",
    "teacher_features": "the teacher's features (batch, frames, teacher's width)",
    "views": "embeddings of a view of each row (batch, width)",
    "other_views": "embeddings of another view of each row (batch, width)",
    "time_views": "encoder outputs of window and augmented window (batch, 2, width)",
    "frequency_views": "encoder outputs of spectrum and augmented spectrum (batch, 2, width)",
    "time_projected": "the former, projected (batch, 2, common width)",
    "frequency_projected": "the latter, projected (batch, 2, common width)",
}
