"""Computer vision, on top of the layers: the systems of course 4, weeks 3 and 4.

    people = tt.vision.FaceDB(encoder, threshold)
    people.add("Ada", picture)
    people.recognize(another)  # "Ada", or None

What is learned is a `nn.Module` or a loss, trained as anything else.
"""

from .average_precision import (
    average_precisions,
    detection_precision_recall,
    mean_average_precision,
)
from .boxes import box_area, centres_to_corners, clip_boxes, corners_to_centres, iou, nms
from .faces import (
    MINING,
    FaceDB,
    Siamese,
    SimilarityHead,
    best_threshold,
    draw_pairs,
    mine_triplets,
    recognition_accuracy,
    triplet_loss,
    verification_accuracy,
)
from .localisation import LandmarkHead, localization_loss
from .sliding_windows import fc_to_conv, sliding_windows
from .style import Transfer, activations, content_cost, gram_matrix, style_cost, transfer
from .yolo import Detections, yolo_decode, yolo_encode

__all__ = [
    "MINING",
    "FaceDB", "Siamese", "SimilarityHead", "best_threshold", "draw_pairs", "mine_triplets",
    "recognition_accuracy", "triplet_loss", "verification_accuracy",
    "Detections", "LandmarkHead", "average_precisions", "box_area", "centres_to_corners",
    "clip_boxes", "corners_to_centres", "detection_precision_recall", "fc_to_conv", "iou",
    "localization_loss", "mean_average_precision", "nms", "sliding_windows", "yolo_decode",
    "yolo_encode",
    "Transfer", "activations", "content_cost", "gram_matrix", "style_cost", "transfer",
]  # fmt: skip
